//! The command as a function of AWS Lambda: the real process, with the rules of Lambda around it.

mod answers;
mod dead_letters;
mod exact;
mod history;
mod large;
mod lease;
mod stage;
mod start;
