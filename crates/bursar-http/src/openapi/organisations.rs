//! Organisations, their members, invitations, and roles in wallets.

use serde_json::{Value, json};

use super::Part;
use super::operation::Operation;
use super::schemas::{flag, given, list, name, object, or_null, otp, reference, text};
use super::users::{NO_MAIL, OVER, frozen};

pub(super) fn part() -> Part {
    Part {
        tag: ("organisations", "Who belongs together, as what, and what they may do with which wallets"),
        operations: [organisations(), members(), invitations(), wallets()].into_iter().flatten().collect(),
        schemas: schemas(),
    }
}

fn organisations() -> Vec<Operation> {
    vec![
        Operation::new("GET", "/organisations", "One's organisations").answers(
            200,
            "The organisations",
            "Organisations",
        ),
        Operation::new("POST", "/organisations", "Make an organisation")
            .about("Whoever owns one may make another, and then owns it.")
            .takes("NewOrganisation")
            .answers(201, "The organisation", "Organisation"),
        Operation::new("GET", "/organisations/{organisation}", "An organisation of one's own").answers(
            200,
            "The organisation",
            "Organisation",
        ),
        Operation::new("PATCH", "/organisations/{organisation}", "Change an organisation")
            .about("Owners and admins rename it and ask for second factors; only an owner, with `otp`, stops asking.")
            .takes("OrganisationEdit")
            .answers(200, "The organisation", "Organisation"),
        Operation::new("POST", "/organisations/{organisation}/freeze", "Stop all spending of an organisation")
            .may_take("Freeze")
            .answers(200, "The freeze", "Frozen"),
        Operation::new("POST", "/organisations/{organisation}/unfreeze", "Lift the freeze of an organisation")
            .about("An owner may, with `otp`.")
            .takes("StepUp")
            .answers(200, "It is done", "Done"),
    ]
}

fn members() -> Vec<Operation> {
    vec![
        Operation::new("GET", "/organisations/{organisation}/members", "Who belongs to an organisation")
            .about("For its owners, admins and auditors.")
            .paged(500)
            .answers(200, "The members", "Members"),
        Operation::new("PUT", "/organisations/{organisation}/members/{user}", "Change what a member is")
            .about("Owners make and unmake owners and admins, admins the others. What gives more needs `otp`.")
            .takes("MemberEdit")
            .answers(200, "What it is now", "MemberRole"),
        Operation::new("DELETE", "/organisations/{organisation}/members/{user}", "Take somebody out, or leave")
            .about("Their roles in its wallets go with it. An organisation keeps at least one owner.")
            .answers(200, "It is done", "Done"),
    ]
}

fn invitations() -> Vec<Operation> {
    vec![
        Operation::new("GET", "/organisations/{organisation}/invitations", "Who is invited").paged(500).answers(
            200,
            "The invitations, those that are over among them",
            "Invitations",
        ),
        Operation::new("POST", "/organisations/{organisation}/invitations", "Invite somebody by mail")
            .about(
                "The link works once and for a week. What its maker may no longer give when it is taken is not given.",
            )
            .takes("NewInvitation")
            .answers(201, "The invitation, without its link", "Invitation")
            .refuses(NO_MAIL),
        Operation::new("DELETE", "/invitations/{invitation}", "Withdraw an invitation").answers(
            200,
            "It is done",
            "Done",
        ),
        Operation::new("POST", "/invitations/{invitation}/resend", "Send an invitation again, with a new link")
            .answers(200, "The invitation", "Invitation")
            .refuses(&[410, 501]),
        Operation::new("POST", "/invitations/show", "What the link of an invitation offers")
            .takes("Link")
            .answers(200, "The offer", "InvitationOffer")
            .refuses(&[404, 410]),
        Operation::new("POST", "/invitations/redeem", "Take an invitation")
            .about(
                "Without a token it makes an account, with `fullName` and `password`, whose username is the address; \
                 with a person's session it joins with that account.",
            )
            .takes("InvitationTaken")
            .answers(201, "Who joined what", "Joined")
            .refuses(&[403, 404])
            .refuses(OVER),
    ]
}

fn wallets() -> Vec<Operation> {
    vec![
        Operation::new("GET", "/wallets/{wallet}/members", "Who may do what with a wallet").paged(500).answers(
            200,
            "The members",
            "WalletMembers",
        ),
        Operation::new("PUT", "/wallets/{wallet}/members/{user}", "Say what somebody may do with a wallet")
            .about(
                "Whoever administers the wallet may, or owns its organisation, to which the user has to belong. What \
                 gives more needs `otp`; a role that allows nothing is none.",
            )
            .takes("WalletRoleGiven")
            .answers(200, "What it is now", "WalletRole"),
        Operation::new("DELETE", "/wallets/{wallet}/members/{user}", "Take somebody's role in a wallet away").answers(
            200,
            "It is done",
            "Done",
        ),
        Operation::new("POST", "/wallets/{wallet}/freeze", "Stop all spending from a wallet")
            .about("Whoever may spend from it may, and a token with the scope `wallet_freeze`.")
            .may_take("Freeze")
            .answers(200, "The freeze", "Frozen")
            .refuses(&[423]),
        Operation::new("POST", "/wallets/{wallet}/unfreeze", "Lift the freeze of a wallet").takes("StepUp").answers(
            200,
            "It is done",
            "Done",
        ),
    ]
}

fn role() -> Value {
    json!({"enum": ["owner", "admin", "member", "auditor"]})
}

fn may() -> [(&'static str, Value); 3] {
    [
        ("view", flag("may read it")),
        ("spend", flag("may spend from it")),
        ("admin", flag("may change its settings and limits")),
    ]
}

fn page(of: &'static str, items: Value) -> Value {
    object(&[of, "next"], [(of, list(items)), ("next", or_null(reference("Id")))])
}

fn schemas() -> Vec<(&'static str, Value)> {
    let with_wallet = |more: bool| {
        let fields = may().into_iter().chain([("wallet", reference("Id"))]);
        if more { given(&["wallet"], fields) } else { object(&["wallet", "view", "spend", "admin"], fields) }
    };
    let invitation = [
        ("id", reference("Id")),
        ("organisation", reference("Id")),
        ("email", text("who is invited")),
        ("role", role()),
        ("wallets", list(with_wallet(false))),
        ("invitedBy", or_null(reference("Id"))),
        ("sent", json!({"type": "integer"})),
        ("created", reference("Instant")),
        ("expires", reference("Instant")),
        ("open", flag("whether it can still be taken")),
    ];
    let every = invitation.clone().map(|(name, _)| name);
    let short = object(
        &["id", "username", "fullName"],
        [("id", reference("Id")), ("username", text("the username")), ("fullName", text("the name"))],
    );
    let wallet_member = object(&["view", "spend", "admin", "user"], may().into_iter().chain([("user", short)]));
    let named = |field: &'static str| object(&["id", field], [("id", reference("Id")), (field, text("its name"))]);
    vec![
        (
            "Organisation",
            object(
                &["id", "name", "requiresSecondFactor", "frozen", "role"],
                [
                    ("id", reference("Id")),
                    ("name", text("its name")),
                    ("requiresSecondFactor", flag("whether its members need a second factor")),
                    ("frozen", frozen()),
                    ("role", role()),
                ],
            ),
        ),
        ("Organisations", object(&["organisations"], [("organisations", list(reference("Organisation")))])),
        ("NewOrganisation", given(&["name"], [("name", name("its name")), ("otp", otp())])),
        (
            "OrganisationEdit",
            given(
                &[],
                [
                    ("name", name("its new name")),
                    ("requiresSecondFactor", flag("whether its members need a second factor")),
                    ("otp", otp()),
                ],
            ),
        ),
        ("Members", page("members", object(&["role", "user"], [("role", role()), ("user", reference("Profile"))]))),
        ("MemberEdit", given(&["role"], [("role", role()), ("otp", otp())])),
        ("MemberRole", object(&["role"], [("role", role())])),
        ("Invitation", object(&every, invitation)),
        ("Invitations", page("invitations", reference("Invitation"))),
        (
            "NewInvitation",
            given(
                &["email", "role"],
                [
                    ("email", text("who is invited")),
                    ("role", role()),
                    ("wallets", list(with_wallet(true))),
                    ("otp", otp()),
                ],
            ),
        ),
        (
            "InvitationOffer",
            object(
                &["email", "organisation", "role", "expires", "hasAccount"],
                [
                    ("email", text("who is invited")),
                    ("organisation", text("the organisation's name")),
                    ("role", role()),
                    ("expires", reference("Instant")),
                    ("hasAccount", flag("whether there is an account of that address, which then takes it")),
                ],
            ),
        ),
        (
            "InvitationTaken",
            object(
                &["token"],
                [
                    ("token", text("what stands behind the last slash of the link")),
                    ("fullName", name("what people call one")),
                    ("password", text("the password of the new account, in clear")),
                ],
            ),
        ),
        (
            "Joined",
            object(
                &["user", "organisation", "role", "new"],
                [
                    ("user", named("username")),
                    ("organisation", named("name")),
                    ("role", role()),
                    ("new", flag("whether the account is new")),
                ],
            ),
        ),
        ("WalletMembers", page("members", wallet_member)),
        ("WalletRole", object(&["view", "spend", "admin"], may())),
        ("WalletRoleGiven", given(&[], may().into_iter().chain([("otp", otp())]))),
    ]
}
