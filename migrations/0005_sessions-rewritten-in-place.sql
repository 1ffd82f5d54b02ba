-- A refresh moves last_used_at and refresh_expires_at. No tree may index them, so that the row is rewritten in its
-- own page and no index is touched (heap-only tuples); BRIN does not stand in the way of that from PostgreSQL 16 on.
DROP INDEX sessions_live_by_user;
DROP INDEX sessions_refresh_expires_at;
ALTER TABLE sessions SET (fillfactor = 85);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_refresh_expires_at ON sessions USING brin (refresh_expires_at) WITH (autosummarize = on);
