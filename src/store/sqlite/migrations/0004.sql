-- Milliseconds, as far as the client can tell: NULL for a part that there was not. TCP and
-- TLS are one part; the first byte is counted from the beginning of the attempt.
ALTER TABLE attempts ADD COLUMN dns_ms INTEGER;
ALTER TABLE attempts ADD COLUMN connect_ms INTEGER;
ALTER TABLE attempts ADD COLUMN first_byte_ms INTEGER;

-- Attempts that the retry schedule does not count, since a person asked for what followed.
ALTER TABLE deliveries ADD COLUMN spared INTEGER NOT NULL DEFAULT 0 CHECK (spared >= 0);
-- What the delivery was when a person asked for it again; if that fails it is so once more.
ALTER TABLE deliveries ADD COLUMN replay_of TEXT
    CHECK (replay_of IN ('delivered', 'failed', 'expired'));

-- The receiver asked to be left alone until then.
ALTER TABLE webhook_health ADD COLUMN paused_until INTEGER;
