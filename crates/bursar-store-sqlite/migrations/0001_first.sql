-- Ids are 16-byte blobs, amounts big-endian blobs (of 32 bytes in limits, without leading zeros in holds),
-- times milliseconds since the Unix epoch. What is called packed is described in src/rows/packed.
-- A table whose key is a time-ordered id has no rowid: new rows go to its end. `version` counts the
-- changes of a record from 1.

CREATE TABLE position (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    time INTEGER NOT NULL,
    -- The last archived link, after which the chain here begins. Links up to it may still be here for a while.
    base_version INTEGER NOT NULL DEFAULT 0,
    base INTEGER NOT NULL DEFAULT 0,
    base_hash BLOB NOT NULL DEFAULT (zeroblob(32)) CHECK (length(base_hash) = 32)
) STRICT;

INSERT INTO position (one, time) VALUES (1, 0);

CREATE TABLE data_keys (
    id INTEGER NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE organisations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    freeze_since INTEGER,
    freeze_until INTEGER,
    freeze_reason TEXT,
    freeze_by TEXT CHECK (freeze_by IN ('person', 'operator', 'ledger')),
    freeze_persons_from INTEGER,
    requires_second_factor INTEGER NOT NULL,
    CHECK ((freeze_since IS NULL) = (freeze_reason IS NULL) AND (freeze_since IS NULL) = (freeze_by IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    username TEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL,
    freeze_since INTEGER,
    freeze_until INTEGER,
    freeze_reason TEXT,
    freeze_by TEXT CHECK (freeze_by IN ('person', 'operator', 'ledger')),
    freeze_persons_from INTEGER,
    seeded INTEGER NOT NULL,
    created INTEGER NOT NULL,
    sessions_since INTEGER NOT NULL,
    email TEXT,
    email_verified INTEGER NOT NULL,
    CHECK ((freeze_since IS NULL) = (freeze_reason IS NULL) AND (freeze_since IS NULL) = (freeze_by IS NULL)),
    CHECK (email IS NOT NULL OR NOT email_verified)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX users_by_address ON users (email) WHERE email_verified;

CREATE TABLE memberships (
    organisation BLOB NOT NULL,
    user BLOB NOT NULL,
    version INTEGER NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (organisation, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_of_user ON memberships (user, organisation);

CREATE TABLE invitations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    organisation BLOB NOT NULL,
    address TEXT NOT NULL,
    role TEXT NOT NULL,
    wallets TEXT NOT NULL,
    invited_by BLOB,
    lookup BLOB NOT NULL CHECK (length(lookup) = 32),
    is_mailed INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_of_organisation ON invitations (organisation, id);

CREATE TABLE credentials (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    user BLOB NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    sealed BLOB NOT NULL,
    progress BLOB NOT NULL,
    created INTEGER NOT NULL,
    last_used INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX credentials_of_user ON credentials (user, id);

-- Bodies can be long, so this table keeps its rowid.
CREATE TABLE documents (
    user BLOB NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    title TEXT,
    body BLOB NOT NULL,
    PRIMARY KEY (user, kind, name)
) STRICT;

CREATE UNIQUE INDEX documents_by_title ON documents (user, kind, title) WHERE title IS NOT NULL;

CREATE TABLE wallets (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    coin TEXT NOT NULL,
    label TEXT NOT NULL,
    organisation BLOB NOT NULL,
    rail TEXT NOT NULL,
    reference TEXT NOT NULL,
    freeze_since INTEGER,
    freeze_until INTEGER,
    freeze_reason TEXT,
    freeze_by TEXT CHECK (freeze_by IN ('person', 'operator', 'ledger')),
    freeze_persons_from INTEGER,
    created INTEGER NOT NULL,
    CHECK ((freeze_since IS NULL) = (freeze_reason IS NULL) AND (freeze_since IS NULL) = (freeze_by IS NULL))
) STRICT, WITHOUT ROWID;

-- One wallet for what a rail calls by one name: two would each let it be spent.
CREATE UNIQUE INDEX wallets_by_reference ON wallets (rail, reference) WHERE reference <> '';

CREATE INDEX wallets_of_organisation ON wallets (organisation, id);

CREATE TABLE wallet_members (
    user BLOB NOT NULL,
    wallet BLOB NOT NULL,
    version INTEGER NOT NULL,
    view INTEGER NOT NULL,
    spend INTEGER NOT NULL,
    admin INTEGER NOT NULL,
    PRIMARY KEY (user, wallet)
) STRICT, WITHOUT ROWID;

CREATE INDEX wallet_members_of_wallet ON wallet_members (wallet, user);

CREATE TABLE tokens (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    user BLOB NOT NULL,
    label TEXT,
    scopes TEXT NOT NULL,
    organisation BLOB,
    narrowing TEXT NOT NULL,
    narrowed_to TEXT NOT NULL,
    ips TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    created_from TEXT NOT NULL,
    revoked INTEGER,
    locked INTEGER,
    locked_by TEXT,
    unlock_since INTEGER,
    unlock_until INTEGER,
    limits_dropped INTEGER NOT NULL,
    extension_address TEXT,
    issued_by_ecdh INTEGER NOT NULL,
    template BLOB,
    CHECK ((locked IS NULL) = (locked_by IS NULL)),
    CHECK ((unlock_since IS NULL) = (unlock_until IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_of_user ON tokens (user, id);

-- What lives long: access tokens, and sessions that can be extended.
CREATE INDEX tokens_long_lived ON tokens (user, created, id)
    WHERE revoked IS NULL AND (kind IN ('access', 'service') OR extension_address IS NOT NULL);

-- What ends, in the order in which its owners are told.
CREATE INDEX tokens_by_end ON tokens (expires, id) WHERE revoked IS NULL AND kind IN ('access', 'service');

-- One row per token that has secrets, so that a token without any is told from one that never had them.
CREATE TABLE secret_sets (
    token BLOB NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token_secrets (
    token BLOB NOT NULL,
    place INTEGER NOT NULL,
    lookup BLOB NOT NULL UNIQUE CHECK (length(lookup) = 32),
    sealed BLOB NOT NULL,
    ends INTEGER,
    used INTEGER,
    PRIMARY KEY (token, place)
) STRICT, WITHOUT ROWID;

-- One row per subject whose rules were ever set: an emptied list is not a missing one.
CREATE TABLE limit_sets (
    subject_kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    version INTEGER NOT NULL,
    destinations TEXT, -- 'any' or 'listed'; NULL if there is no rule about them
    at_most INTEGER,
    counted_since INTEGER,
    PRIMARY KEY (subject_kind, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE limits (
    subject_kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    for_each INTEGER NOT NULL, -- whether each destination has it for itself
    place INTEGER NOT NULL,
    asset TEXT NOT NULL,
    measure TEXT NOT NULL,
    window TEXT NOT NULL,
    ceiling BLOB CHECK (length(ceiling) = 32), -- NULL is unlimited, said explicitly
    PRIMARY KEY (subject_kind, subject, for_each, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE allowed_destinations (
    subject_kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    place INTEGER NOT NULL,
    family TEXT NOT NULL,
    bytes BLOB NOT NULL,
    tag TEXT,
    address TEXT NOT NULL,
    coin TEXT NOT NULL,
    PRIMARY KEY (subject_kind, subject, place)
) STRICT, WITHOUT ROWID;

-- Rewritten with every batch that spends from it: figures and windows are packed.
CREATE TABLE budgets (
    subject_kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    asset TEXT NOT NULL,
    destination BLOB NOT NULL CHECK (length(destination) IN (0, 32)), -- empty for none
    version INTEGER NOT NULL,
    captured BLOB NOT NULL,
    held BLOB NOT NULL,
    overridden BLOB NOT NULL,
    rolled BLOB NOT NULL,
    windows BLOB NOT NULL,
    PRIMARY KEY (subject_kind, subject, asset, destination)
) STRICT, WITHOUT ROWID;

-- The destinations a subject has paid, 40 bytes each: the id, and the number of spends that pay it.
CREATE TABLE paid (
    subject_kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    version INTEGER NOT NULL,
    destinations BLOB NOT NULL,
    PRIMARY KEY (subject_kind, subject)
) STRICT, WITHOUT ROWID;

-- What is searched has a column of its own; the rest is packed. Terms are written once.
CREATE TABLE holds (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL,
    token BLOB NOT NULL,
    user BLOB NOT NULL,
    wallet BLOB,
    organisation BLOB NOT NULL,
    state TEXT NOT NULL,
    state_since INTEGER,
    outcome BLOB, -- packed; NULL while it is held, unless it is known why nobody knows
    aliases BLOB, -- packed, as in spend_keys each; NULL for none
    terms BLOB NOT NULL -- packed
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_of_token ON holds (token, id);
CREATE INDEX holds_of_wallet ON holds (wallet, id) WHERE wallet IS NOT NULL;
CREATE INDEX holds_without_wallet ON holds (organisation, id) WHERE wallet IS NULL;
CREATE INDEX holds_unsettled ON holds (id) WHERE state IN ('open', 'unresolved');
CREATE INDEX holds_unresolved ON holds (id) WHERE state = 'unresolved';

-- Whose name (16 bytes), of what kind (1 byte), and the name.
CREATE TABLE spend_keys (
    key BLOB NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    hold BLOB NOT NULL CHECK (length(hold) = 16)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_links (
    number INTEGER NOT NULL PRIMARY KEY,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    events INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE audit_events (
    link INTEGER NOT NULL,
    place INTEGER NOT NULL,
    time INTEGER NOT NULL,
    actor TEXT NOT NULL,
    actor_user BLOB,
    actor_token BLOB,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL, -- a JSON array of pairs, in the order of the canonical form
    PRIMARY KEY (link, place)
) STRICT, WITHOUT ROWID;

-- When and from where tokens were used.
CREATE TABLE token_uses (
    token BLOB NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    places TEXT NOT NULL -- a JSON array of pairs of a time and an address, the latest first
) STRICT, WITHOUT ROWID;
