//! Small cases in full.
