-- Times are milliseconds since the Unix epoch, UTC.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE creators (
    id                  INTEGER PRIMARY KEY,
    username            TEXT    NOT NULL UNIQUE,
    phase               TEXT    NOT NULL CHECK (phase IN ('unknown', 'offline', 'live')),
    sequence            INTEGER NOT NULL CHECK (sequence >= 0),
    -- LiveState as JSON while, and only while, live.
    live                TEXT    CHECK ((live IS NOT NULL) = (phase = 'live')),
    last_end_room       TEXT,
    last_end_started_at INTEGER,
    last_end_at         INTEGER CHECK ((last_end_at IS NULL) = (last_end_room IS NULL)),
    first_poll_at       INTEGER,
    last_answer_at      INTEGER,
    next_poll_at        INTEGER,
    -- What the learned schedule knows of the creator beyond its streams, as JSON.
    learning            TEXT
) STRICT;

-- Credits used, by the start of their billing month.
CREATE TABLE spending (
    period  INTEGER PRIMARY KEY,
    credits INTEGER NOT NULL CHECK (credits >= 0)
) STRICT;

-- One row for each time a room was seen to start: a room that ended and came back has two.
CREATE TABLE streams (
    id              INTEGER PRIMARY KEY,
    creator         TEXT    NOT NULL,
    room            TEXT    NOT NULL,
    announced       INTEGER NOT NULL CHECK (announced IN (0, 1)),
    already_live    INTEGER NOT NULL CHECK (already_live IN (0, 1)),
    resumed         INTEGER NOT NULL CHECK (resumed IN (0, 1)),
    -- What the stream says of itself; NULL if it does not.
    started_at      INTEGER,
    first_seen_at   INTEGER NOT NULL,
    last_seen_at    INTEGER NOT NULL,
    ended_at        INTEGER,
    end_reason      TEXT    CHECK (end_reason IN ('offline', 'replaced')),
    title           TEXT,
    peak_viewers    INTEGER NOT NULL,
    average_viewers INTEGER,
    views           INTEGER,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    UNIQUE (creator, room, first_seen_at)
) STRICT;

CREATE INDEX streams_ended ON streams (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE samples (
    stream  INTEGER NOT NULL REFERENCES streams (id),
    at      INTEGER NOT NULL,
    viewers INTEGER NOT NULL,
    PRIMARY KEY (stream, at)
) STRICT, WITHOUT ROWID;

CREATE INDEX samples_at ON samples (at);

CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    event_id TEXT    NOT NULL UNIQUE,
    type     TEXT    NOT NULL,
    -- NULL for the monitor's own events.
    creator  TEXT,
    -- Of starts and ends only.
    sequence INTEGER,
    at       INTEGER NOT NULL,
    body     TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_sequence ON events (creator, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX events_at ON events (at);

-- The queue. A line is what one webhook hears of one creator ('' for the monitor's own
-- events); its head is its oldest pending delivery, the only one that may be sent.
CREATE TABLE deliveries (
    -- AUTOINCREMENT: a number that was handed out never comes back as another delivery.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    event       INTEGER NOT NULL REFERENCES events (id),
    webhook     TEXT    NOT NULL,
    line        TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'expired')),
    head        INTEGER NOT NULL CHECK (head IN (0, 1)),
    attempts    INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL,
    finished_at INTEGER CHECK ((finished_at IS NULL) = (status = 'pending')),
    CHECK (head = 0 OR status = 'pending'),
    UNIQUE (event, webhook)
) STRICT;

CREATE UNIQUE INDEX deliveries_one_head ON deliveries (webhook, line) WHERE head = 1;
CREATE INDEX deliveries_due ON deliveries (webhook, due_at, id) WHERE head = 1;
CREATE INDEX deliveries_pending ON deliveries (webhook, line, id) WHERE status = 'pending';
CREATE INDEX deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE attempts (
    delivery   INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    took_ms    INTEGER NOT NULL,
    status     INTEGER,
    error      TEXT,
    answer     BLOB    NOT NULL,
    PRIMARY KEY (delivery, number)
) STRICT;

-- Webhooks that take no part until a person acts.
CREATE TABLE webhooks (
    webhook        TEXT    NOT NULL PRIMARY KEY,
    disabled_since INTEGER NOT NULL,
    url_hash       TEXT    NOT NULL,
    reason         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE degraded (
    reason TEXT    NOT NULL PRIMARY KEY,
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
