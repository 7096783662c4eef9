/**
 * The tables of the single form, one migration a step. A step once released is never changed. Columns that scopes
 * select on stand beside the JSON document, so that "everything of this user" is one indexed query.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE log_head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, epoch TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
  CREATE TABLE log (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, entry TEXT NOT NULL) STRICT;
  CREATE TABLE sessions (
    tenant TEXT NOT NULL, sid TEXT NOT NULL, kind TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
    client TEXT NOT NULL, server TEXT NOT NULL, expires_at INTEGER NOT NULL, session TEXT NOT NULL,
    PRIMARY KEY (tenant, sid)) STRICT;
  CREATE INDEX sessions_user ON sessions (tenant, kind, issuer, subject);
  CREATE TABLE connections (
    tenant TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
    client TEXT, server TEXT NOT NULL, sid TEXT, downstream TEXT NOT NULL, rev INTEGER NOT NULL, active INTEGER NOT NULL,
    tomb TEXT, connection TEXT NOT NULL,
    PRIMARY KEY (tenant, id)) STRICT;
  CREATE INDEX connections_user ON connections (tenant, kind, issuer, subject);
  CREATE TABLE receipts (id TEXT NOT NULL, revision INTEGER NOT NULL, jws TEXT NOT NULL, PRIMARY KEY (id, revision)) STRICT;
  CREATE TABLE finished (id TEXT PRIMARY KEY) STRICT;
  CREATE TABLE outbox (job TEXT PRIMARY KEY, next_at INTEGER NOT NULL, entry TEXT NOT NULL) STRICT;
  CREATE TABLE anchors (chain TEXT PRIMARY KEY, anchor TEXT NOT NULL) STRICT;
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  `,
  `
  CREATE TABLE tool_pins (
    tenant TEXT NOT NULL, server TEXT NOT NULL, tool TEXT NOT NULL, pin TEXT NOT NULL,
    PRIMARY KEY (tenant, server, tool)) STRICT;
  `,
  `
  CREATE TABLE tickets (
    kind TEXT NOT NULL, id TEXT NOT NULL, expires_at INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (kind, id)) STRICT;
  CREATE TABLE sign_ins (
    tenant TEXT NOT NULL, id TEXT NOT NULL, sid TEXT NOT NULL, kind TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
    client TEXT NOT NULL, server TEXT NOT NULL, rev INTEGER NOT NULL, gen INTEGER NOT NULL, idle_until INTEGER NOT NULL,
    checked_at INTEGER NOT NULL, sign_in TEXT NOT NULL,
    PRIMARY KEY (tenant, id)) STRICT;
  CREATE INDEX sign_ins_user ON sign_ins (tenant, kind, issuer, subject);
  CREATE TABLE consents (
    tenant TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
    client TEXT NOT NULL, server TEXT NOT NULL, downstream TEXT, connection TEXT, rev INTEGER NOT NULL, consent TEXT NOT NULL,
    PRIMARY KEY (tenant, id)) STRICT;
  CREATE INDEX consents_user ON consents (tenant, kind, issuer, subject);
  `,
]
