//! The vectors that the Python client was seen to follow, and comparisons with scans of each minute.

mod forms;
mod random;
mod vectors;
