//! The right to send one spend, which nothing but the ledger's grant gives.

use std::sync::Arc;

use bursar_core::hold::Hold;
use bursar_rails::exchange::{Charge, Outgoing};

use crate::flow::Flow;

/// The right to send one spend. Only the ledger's grant makes one, and sending consumes it:
/// what was not held cannot reach a rail.
#[derive(Debug)]
pub struct Permit {
    hold: Arc<Hold>,
    charge: Option<Arc<Charge>>,
    flow: Option<Flow>,
    payers: Option<Box<PayersHalf>>,
}

/// The half of a spend that another wallet pays: held just before, and for this spend alone.
#[derive(Debug)]
pub struct PayersHalf {
    hold: Arc<Hold>,
    reference: String,
}

impl PayersHalf {
    /// Only a hold that was just granted is one.
    pub(crate) const fn of_granted(hold: Arc<Hold>, reference: String) -> Self {
        Self { hold, reference }
    }

    /// What is held.
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    /// What the rail calls the wallet.
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

impl Permit {
    /// Only a hold that was just granted makes a permit.
    pub(crate) const fn of_granted(hold: Arc<Hold>) -> Self {
        Self { hold, charge: None, flow: None, payers: None }
    }

    /// The same with the request that it is for, on rails of plain HTTP.
    pub(crate) fn carrying(self, charge: Option<Arc<Charge>>) -> Self {
        Self { charge, ..self }
    }

    /// The same with a way for its answer, for whoever takes it while it comes.
    pub(crate) fn flowing(self, flow: Option<Flow>) -> Self {
        Self { flow, ..self }
    }

    /// The same with the half that another wallet pays.
    pub(crate) fn with_payers(self, half: Option<PayersHalf>) -> Self {
        Self { payers: half.map(Box::new), ..self }
    }

    /// The half that another wallet pays, if one does.
    pub fn payers(&self) -> Option<&PayersHalf> {
        self.payers.as_deref()
    }

    /// The way for its answer while it comes, if there is one; once.
    pub const fn take_flow(&mut self) -> Option<Flow> {
        self.flow.take()
    }

    /// The spend it allows.
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    /// The request that it is for, on rails of plain HTTP.
    pub fn outgoing(&self) -> Option<&Outgoing> {
        self.charge.as_ref().map(|charge| &charge.outgoing)
    }
}
