-- Reading the past in pages. A stream begins when it says, else when it was first seen.
CREATE INDEX streams_began ON streams (coalesce(started_at, first_seen_at));
CREATE INDEX streams_creator_began ON streams (creator, coalesce(started_at, first_seen_at));
CREATE INDEX streams_running ON streams (coalesce(started_at, first_seen_at)) WHERE ended_at IS NULL;
CREATE INDEX streams_room ON streams (room);

-- What a page of recent events shows; samples and titles come by the thousand.
CREATE INDEX events_told ON events (at)
    WHERE type NOT IN ('stream.sampled', 'stream.updated');
CREATE INDEX events_creator_told ON events (creator, at)
    WHERE type NOT IN ('stream.sampled', 'stream.updated');

CREATE INDEX deliveries_status ON deliveries (status);

-- The latest polls of each creator, four bytes each: minutes since the epoch times four, and
-- 0 unclear, 1 offline, 2 live.
CREATE TABLE polls (
    creator INTEGER PRIMARY KEY REFERENCES creators (id) ON DELETE CASCADE,
    marks   BLOB    NOT NULL
) STRICT;
