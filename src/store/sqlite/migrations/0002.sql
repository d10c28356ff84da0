-- Since when a webhook has had no 2xx: what the breaker and the disabling go by.
CREATE TABLE webhook_health (
    webhook          TEXT    NOT NULL PRIMARY KEY,
    -- The address that was tried; at another one the count begins anew.
    url_hash         TEXT    NOT NULL,
    last_success_at  INTEGER,
    first_failure_at INTEGER,
    last_failure_at  INTEGER CHECK ((last_failure_at IS NULL) = (first_failure_at IS NULL)),
    failures         INTEGER NOT NULL CHECK (failures >= 0)
) STRICT, WITHOUT ROWID;

-- When others were last told of a webhook: at most once an hour for each type of event.
CREATE TABLE webhook_alerts (
    webhook TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    told_at INTEGER NOT NULL,
    PRIMARY KEY (webhook, type)
) STRICT, WITHOUT ROWID;
