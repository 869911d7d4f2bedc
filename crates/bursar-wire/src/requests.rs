//! What clients ask in BitGo's dialect: strict JSON in, terms of the core out (WC §1, §4, §5, §6, §8).
//!
//! Every refusal names the field from the top, as in `spendingLimits[0].txValueLimit`, and says what to do. A field
//! that nobody knows is no fault (WC §1.4); one that would change what is spent, and that Bursar does not carry out, is
//! refused. Nothing here guesses: empty is not zero, a rounded number is no amount, an empty list never widens.
//! What was not written stays apart from what was written empty, since a template fills only the former.

mod account;
mod amount;
mod grant;
mod kinds;
mod limits;
mod list;
mod login;
mod spend;
mod template;
mod token;
mod unlock;

pub use account::{ChangePassword, CreateKeychain, FreezeUser, Settings, VerifyPassword};
pub use amount::{LARGEST_EXACT, amount_field};
pub use limits::TokenLimits;
pub use list::{ListQuery, Paging};
pub use login::{Login, SendOtp};
pub use spend::{CreateAddress, Send, SendTransaction};
pub use template::TemplateBody;
pub use token::CreateToken;
pub use unlock::{Extend, Unlock};

#[cfg(test)]
mod tests;
