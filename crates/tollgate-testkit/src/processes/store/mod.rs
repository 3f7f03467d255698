//! The store's record: every write that the engine did, with its time and the image after it.

mod chain;
mod order;
mod recorder;
mod wire;
mod write;

pub(super) use self::{
    chain::{Chain, Charge},
    recorder::{Counts, Recorder},
    wire::image,
    write::{Image, Level, Write, bucket_of},
};
