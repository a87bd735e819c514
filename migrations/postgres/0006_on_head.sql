-- As commit_request, which replicas of an earlier version still use; and a change is of the very state it was decided on:
-- the first event's `previous` is the hash of the last one recorded. A replica decides on what it has handed in and does
-- not know to be recorded yet; where another was faster, the number of events alone would not tell.

create function commit_on_head(
    of_key text, of_run text, now_ms bigint,
    held_run text, held_key text, held_lease text, held_version bigint,
    -- null where there are no events; 0 for a new run
    after_seq bigint,
    new_seq bigint, new_head text, new_slot text, new_status text, new_started_at bigint,
    new_version bigint, new_state text,
    frozen_rows json, event_rows json, effect_rows json,
    out outcome text, out other text
) language plpgsql as $$
begin
    -- Waits for whoever is committing the same key just now.
    insert into inbox (key, run_id, at) values (of_key, of_run, now_ms) on conflict (key) do nothing;
    if not found then
        outcome := 'duplicate';
        select run_id into other from inbox where key = of_key;
        return;
    end if;

    if held_key is not null then
        perform 1 from outbox where run_id = held_run and key = held_key and lease = held_lease for update;
        if not found then
            outcome := 'lease_lost';
        end if;
    end if;

    if outcome is null and after_seq is not null then
        select id into other from runs where open_slot = new_slot and id <> of_run;
        if other is null and after_seq = 0 then
            -- Waits for whoever is opening a run of that kind just now.
            insert into runs (id, seq, head, open_slot, status, started_at, updated_at, version, state)
            values (of_run, new_seq, new_head, new_slot, new_status, new_started_at, now_ms, new_version, new_state)
            on conflict do nothing;
            if not found then
                outcome := 'lost_race';
                select id into other from runs where open_slot = new_slot and id <> of_run;
            end if;
        elsif other is null then
            update runs set seq = new_seq, head = new_head, open_slot = new_slot, status = new_status,
                started_at = new_started_at, updated_at = now_ms, version = new_version, state = new_state
            where id = of_run and seq = after_seq and head = event_rows -> 0 ->> 3;
            if not found then
                outcome := 'lost_race';
            end if;
        end if;
        if other is not null then
            outcome := 'slot_taken';
        end if;
    end if;

    if outcome is not null then
        delete from inbox where key = of_key;
        return;
    end if;

    if held_key is not null then
        perform settle_effect(held_run, held_key, held_lease, held_version);
    end if;
    insert into frozen (hash, body)
    select value ->> 0, value ->> 1 from json_array_elements(frozen_rows) on conflict (hash) do nothing;
    insert into events (run_id, seq, version, body, previous, hash)
    select of_run, (value ->> 0)::bigint, (value ->> 1)::bigint, value ->> 2, value ->> 3, value ->> 4
    from json_array_elements(event_rows);
    insert into outbox (run_id, key, priority, due_at, version, tries, lease, lease_until, note, body)
    select of_run, value ->> 0, (value ->> 1)::bigint, (value ->> 2)::bigint, 1, 0, null, 0, null, value ->> 3
    from json_array_elements(effect_rows)
    on conflict (run_id, key) do update
    set version = outbox.version + 1, due_at = excluded.due_at, body = excluded.body;
    outcome := 'done';
end
$$;
