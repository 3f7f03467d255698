//! The command as a function of AWS Lambda: the real process, with the rules of Lambda around it.

mod answers;
mod archive;
mod dead_letters;
mod exact;
mod export;
mod history;
mod large;
mod lease;
mod policies;
mod provisioner;
mod recorder;
mod stage;
mod start;
