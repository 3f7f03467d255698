//! The conditional writes that a store executes.
//!
//! The writes contain no logic: the planner makes every decision before. Anything that must hold
//! when the write arrives is a condition with a literal.
//!
//! [`Update::holds`], [`Update::apply`], [`Create::bucket`] and [`Split::halve`] are the reference:
//! what a store does must be equal to them.

mod conditions;
mod create;
mod id;
mod line;
mod split;
mod stamp_change;
mod update;

pub use self::{
    conditions::{Anchor, Boundary, Expiry, Guard},
    create::Create,
    id::WriteId,
    line::{Line, NewLimit, ScheduleChange, TokenChange},
    split::Split,
    stamp_change::{CascadeChange, StampChange},
    update::Update,
};
