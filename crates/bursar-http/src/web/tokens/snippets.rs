//! What software writes that uses a token: by a wallet which it reaches, as that wallet's rail is spoken to.

use bursar_core::scope::WalletAction;
use bursar_core::token::Grant;
use bursar_service::rail::Spoken;
use bursar_service::wallets::WalletView;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::rail;

/// An address that pays nobody.
const NOBODY: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";

/// A text to copy.
pub(super) struct Snippet {
    /// The id of its place in the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) code: String,
}

/// For a server at `url`. The token spends from the first wallet that it may spend from, else it reads the first of all.
pub(super) fn of(url: &str, grant: &Grant, wallets: &[WalletView]) -> Vec<Snippet> {
    let is_within = |view: &&WalletView| grant.scopes.allow_on(WalletAction::Spend, view.wallet.id, false);
    let spends_from = wallets.iter().find(is_within);
    let snippet = |id, title, code: String| Snippet { id, title, code };
    let mut list = Vec::new();
    if let Some((view, path)) = spends_from.and_then(|view| Some((view, rail::path(view)?))) {
        list.push(at_rail(view, &format!("{url}{path}")));
    }
    let sdk = format!(
        "// export BITGO_CUSTOM_ROOT_URI={url}\n\
         const {{ BitGoAPI }} = require('@bitgo/sdk-api');\n\
         const bitgo = new BitGoAPI({{ env: 'test' }});\n\
         bitgo.authenticateWithAccessToken({{ accessToken: process.env.TOKEN }});\n\
         bitgo.session().then(console.log);"
    );
    list.push(snippet("sdk", "BitGo SDK", sdk));
    if let Some(code) = by_curl(url, spends_from, wallets) {
        list.push(snippet("curl", "curl", code));
    }
    let cli = format!("export BURSAR_URL='{url}' BURSAR_TOKEN=\"$TOKEN\"\nbursar whoami");
    list.push(snippet("cli", "Command line", cli));
    list
}

/// BitGo's interface; nothing where the rail takes its own requests alone.
fn by_curl(url: &str, spends_from: Option<&WalletView>, wallets: &[WalletView]) -> Option<String> {
    const BEARER: &str = "curl -H \"Authorization: Bearer $TOKEN\"";
    let Some(view) = spends_from else {
        return Some(match wallets.first() {
            Some(view) => format!("{BEARER} '{url}/api/v2/{}/wallet/{}'", view.wallet.coin, view.wallet.id),
            None => format!("{BEARER} '{url}/api/v2/wallets'"),
        });
    };
    let (coin, wallet) = (&view.wallet.coin, view.wallet.id);
    let to = if coin.as_str() == "tbtc" { NOBODY } else { "<address>" };
    (view.spoken != Spoken::Requests).then(|| {
        format!(
            "{BEARER} -H 'Content-Type: application/json' \\\n     \
             -d '{{\"address\":\"{to}\",\"amount\":\"250\"}}' \\\n     \
             '{url}/api/v2/{coin}/wallet/{wallet}/sendcoins'"
        )
    })
}

/// As the clients of a rail's kind have it.
fn at_rail(view: &WalletView, address: &str) -> Snippet {
    let reference = &view.wallet.reference;
    let of_wallet = format!("{address}/wallet/{}", utf8_percent_encode(reference, NON_ALPHANUMERIC));
    let (title, code) = match (view.spoken, view.kind) {
        (Spoken::Requests, _) => (
            "Clients of the API",
            format!(
                "# This in the place of the API’s own address, and the token in that of its key:\n\
                 # {of_wallet}\n\
                 curl -H \"Authorization: Bearer $TOKEN\" '{of_wallet}/<path of the API>'"
            ),
        ),
        (_, "evm") => (
            "ethers",
            format!(
                "const request = new ethers.FetchRequest('{address}');\n\
                 request.setHeader('authorization', `Bearer ${{process.env.TOKEN}}`);\n\
                 const provider = new ethers.JsonRpcProvider(request);\n\
                 const signer = await provider.getSigner('{reference}');\n\
                 await signer.sendTransaction({{ to: '<address>', value: 250n }});"
            ),
        ),
        _ => (
            "Clients of the node",
            format!(
                "curl -u \"any:$TOKEN\" -H 'Content-Type: application/json' \\\n     \
                 -d '{{\"id\":1,\"method\":\"sendtoaddress\",\"params\":[\"<address>\",0.0000025]}}' \\\n     \
                 '{of_wallet}'"
            ),
        ),
    };
    Snippet { id: "rail", title, code }
}

#[cfg(test)]
mod tests {
    use bursar_core::account::{Wallet, WalletRole};
    use bursar_core::coin::Coin;
    use bursar_core::id::{OrganisationId, WalletId};
    use bursar_core::ip::IpRestriction;
    use bursar_core::scope::Scopes;
    use bursar_core::time::Timestamp;
    use bursar_core::token::Narrowing;

    use super::*;

    fn wallet(number: u8, coin: &str, kind: &'static str, spoken: Spoken) -> WalletView {
        let wallet = Wallet {
            id: WalletId::from_bytes([number; 16]),
            organisation: OrganisationId::from_bytes([9; 16]),
            coin: Coin::parse(coin).unwrap(),
            label: "Till".to_owned(),
            rail: "here".to_owned(),
            reference: "the till".to_owned(),
            freeze: None,
            created: Timestamp::from_millis(0),
        };
        WalletView {
            wallet,
            role: WalletRole::default(),
            balance: None,
            address: None,
            is_sandbox: false,
            kind,
            spoken,
            outflow: None,
        }
    }

    fn shown(scope: &str, wallets: &[WalletView]) -> String {
        let grant = Grant {
            scopes: Scopes::new([scope.parse().unwrap()]),
            organisation: None,
            narrowing: Narrowing::None,
            ips: IpRestriction::new(Vec::new()),
        };
        of("http://here", &grant, wallets).into_iter().map(|one| one.code).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_shown_can_work_on_the_rail_of_the_wallet() {
        let own = wallet(1, "tbtc", "sandbox", Spoken::Only);
        let of_own = shown("wallet_spend_all", &[own]);
        assert!(
            of_own.contains(&format!("/api/v2/tbtc/wallet/{}/sendcoins", "01".repeat(16)))
                && !of_own.contains("/rail/")
        );
        let of_chain = shown("wallet_spend_all", &[wallet(2, "hteth", "evm", Spoken::Calls)]);
        assert!(of_chain.contains("FetchRequest('http://here/rail/here')") && of_chain.contains("/sendcoins'"));
        let of_node = shown("wallet_spend_all", &[wallet(3, "tbtc", "bitcoin", Spoken::Calls)]);
        assert!(of_node.contains("'http://here/rail/here/wallet/the%20till'"), "{of_node}");
        let of_api = shown("wallet_spend_all", &[wallet(4, "usd", "http", Spoken::Requests)]);
        assert!(of_api.contains("'http://here/rail/here/wallet/the%20till/<path of the API>'"), "{of_api}");
        assert!(!of_api.contains("sendcoins"), "the rail would refuse it: {of_api}");
    }

    #[test]
    fn a_token_is_shown_the_wallet_that_it_spends_from_and_no_spend_if_there_is_none() {
        let two = [wallet(1, "tbtc", "sandbox", Spoken::Only), wallet(2, "hteth", "evm", Spoken::Calls)];
        let second = shown(&format!("wallet_spend:{}", "02".repeat(16)), &two);
        assert!(second.contains("/rail/here") && second.contains("/api/v2/hteth/"), "{second}");
        let reads = shown("wallet_view_all", &two);
        assert!(!reads.contains("sendcoins") && !reads.contains("/rail/"), "{reads}");
    }
}
