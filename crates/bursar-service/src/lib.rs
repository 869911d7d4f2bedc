//! The use cases of Bursar.

pub mod rail;
