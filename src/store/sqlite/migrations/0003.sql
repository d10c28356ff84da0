-- Who is behind a username. TikTok's secUid is the same after a rename.
ALTER TABLE creators ADD COLUMN stable_id TEXT;
-- When the profile call last gave a certain answer, and since when it knows no such user.
ALTER TABLE creators ADD COLUMN profile_at INTEGER;
ALTER TABLE creators ADD COLUMN missing_since INTEGER;
-- When the id came here from another username, or left for one.
ALTER TABLE creators ADD COLUMN renamed_at INTEGER;

CREATE UNIQUE INDEX creators_stable_id ON creators (stable_id) WHERE stable_id IS NOT NULL;
