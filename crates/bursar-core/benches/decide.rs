//! How long one decision takes on loaded records.
fn main() {}
