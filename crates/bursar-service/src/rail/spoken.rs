//! How a rail is spoken to.

/// How clients speak to a rail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spoken {
    /// Through Bursar's own interface and BitGo's, and in no other way.
    Only,
    /// In these, or by calls that are posted to its address.
    Calls,
    /// By requests to the paths behind its address, and in no other way.
    Requests,
}

impl Spoken {
    /// Whether the rail has an address of its own.
    pub fn has_address(self) -> bool {
        self != Self::Only
    }
}
