//! Faults that a test may ask for, to see whether somebody notices. They exist only in builds with their
//! feature, and there only once they are switched on: none may be in a build that people use.

use crate::Bursar;

impl Bursar {
    /// From now on every spend of a token is granted beyond its limits, and its budget holds nothing.
    #[cfg(feature = "break-no-hold")]
    pub const fn ignore_limits(&mut self) {
        self.ignores_limits = true;
    }

    /// Whether limits are ignored.
    #[cfg(feature = "break-no-hold")]
    pub(crate) const fn ignores_limits(&self) -> bool {
        self.ignores_limits
    }

    /// Whether limits are ignored: never.
    #[cfg(not(feature = "break-no-hold"))]
    pub(crate) const fn ignores_limits(&self) -> bool {
        false
    }
}
