//! Tests of the stack's options, template and policies.

mod options;
mod policies;
mod template;
