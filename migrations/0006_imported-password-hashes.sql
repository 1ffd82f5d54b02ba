-- Users who came from elsewhere without a password have no hash.
ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL;

-- How often a hash is of which scheme and cost, which ANALYZE counts in a sample: a hash up to its salt. Unknown
-- users are told off in the time that known ones take.
CREATE STATISTICS users_password_settings
    ON (substring(password_hash FROM '^(?:\$2[aby]\$[0-9]{2}\$|.*\$(?=[^$]*\$[^$]*$))'))
  FROM users;
