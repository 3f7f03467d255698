//! Tests of the operators' functions.

mod histories;
