-- Lists of users, the newest first; beginnings of addresses and names, whatever the collation; those who are few.
CREATE INDEX users_by_time ON users (created_at DESC, id DESC);
CREATE INDEX users_by_email_prefix ON users (email text_pattern_ops);
CREATE INDEX users_by_name_prefix ON users (lower(name) text_pattern_ops);
CREATE INDEX users_of_other_roles ON users (role, created_at DESC, id DESC) WHERE role <> 'user';
CREATE INDEX users_disabled ON users (created_at DESC, id DESC) WHERE disabled_at IS NOT NULL;

-- Who did it, where it was not the user, and what was changed. No secret and nothing of the person.
ALTER TABLE security_events
  ADD COLUMN actor    text CHECK (actor IN ('administrator', 'command_line')),
  ADD COLUMN actor_id uuid,
  ADD COLUMN details  jsonb;

CREATE INDEX security_events_by_type ON security_events (type, id);
CREATE INDEX security_events_by_actor ON security_events (actor_id, id) WHERE actor_id IS NOT NULL;

-- Append-only: a row is changed only by taking out what tells of a person who is gone, and deleted only by whoever says
-- how long rows are kept, and then only once it is older. Against mistakes, not against the owner of the table.
CREATE FUNCTION security_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.created_at < now() - make_interval(
         secs => nullif(current_setting('latchkey.security_event_retention', true), '')::float8) THEN
      RETURN OLD;
    END IF;
  ELSIF TG_OP = 'UPDATE' THEN
    IF NEW.ip IS NULL AND NEW.user_agent IS NULL
       AND to_jsonb(NEW) - '{ip,user_agent}'::text[] = to_jsonb(OLD) - '{ip,user_agent}'::text[] THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'security_events is append-only' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON security_events
  FOR EACH ROW EXECUTE FUNCTION security_events_append_only();
CREATE TRIGGER append_only_as_a_whole BEFORE TRUNCATE ON security_events
  FOR EACH STATEMENT EXECUTE FUNCTION security_events_append_only();
