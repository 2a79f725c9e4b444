-- What people may see and change. The record itself is the domain's JSON in `body`, and the other columns are what it is
-- found by. `due` is a day number (days since 1970-01-01), or 4000000 where nothing is due, so that one order serves
-- every list.
CREATE TABLE record (
  noun TEXT NOT NULL,
  id TEXT NOT NULL,
  revision BIGINT NOT NULL,
  party TEXT NOT NULL,
  peer TEXT NOT NULL,
  state TEXT NOT NULL,
  due BIGINT NOT NULL,
  digest TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (noun, id)
);
CREATE INDEX record_by_due ON record (noun, due, id);
CREATE INDEX record_by_party ON record (noun, party, due, id);
CREATE INDEX record_by_peer ON record (noun, peer, due, id);
-- What only one record of a noun may have: a credit code, a certificate, a party's chief data officer.
CREATE TABLE claim (
  noun TEXT NOT NULL,
  name TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (noun, name)
);
CREATE INDEX claim_by_record ON claim (noun, id);
-- Answers to submissions with an idempotency key.
CREATE TABLE submission (
  author TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  answer TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (author, name)
);
-- What has yet to stand in the ledger, in the order of commitment. `ledger` is the index of its ADMIN record, or −1.
CREATE TABLE intent (
  seq BIGINT NOT NULL PRIMARY KEY,
  at_us BIGINT NOT NULL,
  author TEXT NOT NULL,
  party TEXT NOT NULL,
  operation TEXT NOT NULL,
  noun TEXT NOT NULL,
  id TEXT NOT NULL,
  revision BIGINT NOT NULL,
  before_digest TEXT NOT NULL,
  after_digest TEXT NOT NULL,
  ledger BIGINT NOT NULL
);
CREATE INDEX intent_by_ledger ON intent (ledger, seq);
CREATE TABLE counter (
  name TEXT NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('intent', 0);
