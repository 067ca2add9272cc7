"""Every kind of record the journal can hold, as a literal table: (name, fields).

Field types: 'int' (also bools and enums), 'str' (interned), 'seen-text' (interned apart, outside
the digest), 'seen-int' (an engine's own number, outside the digest). `truth.*` is what really
happened; machines never see it. `seen.*` is what they were told (one kind for each event class) and
what they commanded (one kind for each command class); those are derived from the dataclasses. Every
row carries time_us (the world's true time) and entity: the database's index, or -1 for the whole
service; of a pair after the first, marked with its number (record/pairs.py).
"""

from __future__ import annotations

TRUTH: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    # ---- databases and backups at the primary ----
    # the log of `database` was cut (or a full/incremental begun): a file is being made
    (
        "truth.backup_begin",
        (
            ("file", "int"),
            ("kind", "int"),
            ("fork", "int"),
            ("first_lsn", "int"),
            ("last_lsn", "int"),
            ("commits", "int"),
        ),
    ),
    # name is the replicated name; last_lsn and commits as of the end for fulls and incrementals
    (
        "truth.backup_finished",
        (
            ("file", "int"),
            ("kind", "int"),
            ("fork", "int"),
            ("first_lsn", "int"),
            ("last_lsn", "int"),
            ("commits", "int"),
            ("nominal_bytes", "int"),
            ("name", "str"),
        ),
    ),
    ("truth.backup_cut_off", (("file", "int"), ("kind", "int"))),
    # beside its cut_off: the engine's own words
    (
        "truth.backup_failed",
        (
            ("file", "int"),
            ("kind", "int"),
            ("number", "seen-int"),
            ("text", "seen-text"),
        ),
    ),
    # overrun, paused, 4214 ...; the engine's own words
    (
        "truth.backup_skipped",
        (("kind", "int"), ("reason", "str"), ("words", "seen-text")),
    ),
    # of the log, in no backup: recovery model SIMPLE, or a backup that the server believed in
    ("truth.log_truncated", (("first_lsn", "int"), ("last_lsn", "int"))),
    # ---- the way of a file to the secondary: from each row to the file's next one it is in this
    # state ---- state: queued (no slot or copy job not due), staging (paused by staging), no_room
    # (none at the secondary), off (a membership is), sending, backoff, waiting (link down, no
    # back-off), landed, gone
    ("truth.file_state", (("file", "int"), ("state", "str"))),
    (
        "truth.landed",
        (
            ("file", "int"),
            ("kind", "int"),
            ("fork", "int"),
            ("first_lsn", "int"),
            ("last_lsn", "int"),
            ("intact", "int"),
            ("name", "str"),
        ),
    ),
    # where: transit, primary, secondary
    (
        "truth.damaged",
        (
            ("file", "int"),
            ("where", "str"),
            ("offset", "int"),
            ("length", "int"),
        ),
    ),
    # where: primary, secondary
    (
        "truth.file_gone",
        (("file", "int"), ("where", "str"), ("why", "str")),
    ),
    # one a finished or cut transfer: what crossed the link
    ("truth.transfer_bytes", (("file", "int"), ("bytes", "int"))),
    # ---- the secondary ----
    (
        "truth.restored",
        (
            ("file", "int"),
            ("fork", "int"),
            ("redo_lsn", "int"),
            ("commits", "int"),
        ),
    ),
    # what would survive a failure of class at this instant: the fork, the commits and the instant
    # of the first acknowledged commit that would be lacking (a future instant if none is lacking
    # yet). Holds until the next such row.
    (
        "truth.survivable",
        (
            ("class", "str"),
            ("fork", "int"),
            ("commits", "int"),
            ("lacking_us", "int"),
        ),
    ),
    # ---- faults, machines, people ----
    # begins 1, ends 0; number 0: drawn
    (
        "truth.event",
        (
            ("number", "int"),
            ("what", "str"),
            ("begins", "int"),
            ("detail", "str"),
        ),
    ),
    (
        "truth.link",
        (("up", "int"), ("bit_s", "int")),
    ),  # capacity from now on
    (
        "truth.failed",
        (("class", "str"),),
    ),  # entity: the database, -1: all of the primary
    # the directory has replicated: what was made its lag ago is there
    ("truth.directory_arrived", ()),
    # entries that a failover found missing, and had made by hand
    ("truth.directory", (("missing", "int"),)),
    (
        "truth.alert_lost",
        (),
    ),  # the alert of that database raised at this instant reached nobody
    # people begin to repair what has failed, before they order a failover
    ("truth.repair", ()),
    ("truth.manager", (("incarnation", "int"), ("up", "int"))),
    # a Save that failed; ok: it is there all the same
    (
        "truth.store_write",
        (("key", "str"), ("value", "str"), ("ok", "int")),
    ),
    # a crash fell between two commands of a list
    ("truth.commands_done", (("done", "int"), ("of", "int"))),
    (
        "truth.fenced",
        (("writes_stop", "int"),),
    ),  # the primary takes no more writes from now on
    (
        "truth.promoted",
        (
            ("fork", "int"),
            ("fork_point_lsn", "int"),
            ("commits", "int"),
            ("lacking_us", "int"),
            ("user_bytes_lost", "int"),
            ("maintenance_bytes_lost", "int"),
            ("transactions_lost", "int"),
        ),
    ),
    # split brain: acknowledged after the promotion, thrown away
    (
        "truth.discarded",
        (
            ("fork", "int"),
            ("user_bytes", "int"),
            ("maintenance_bytes", "int"),
            ("transactions", "int"),
            ("last_ack_us", "int"),
        ),
    ),
    ("truth.two_primaries", (("begins", "int"),)),
    # the part of offered requests that succeed, in ppm, is linear from (time, from_ppm) to the next
    # row's (time, to_ppm)
    ("truth.served", (("from_ppm", "int"), ("to_ppm", "int"))),
    ("truth.served_again", ()),  # 99 % from here on
    # at the end of the run
    (
        "truth.commits_total",
        (
            ("commits", "int"),
            ("user_bytes", "int"),
            ("maintenance_bytes", "int"),
        ),
    ),
    # the log is full and commits are refused from here on (refused 1), or they continue and so many
    # were (0)
    ("truth.writes", (("refused", "int"), ("transactions", "int"))),
    # a promotion that reported success: what had been restored without an error reaches to
    # `claimed` commits, the database itself says that it holds `held`; sound 0: and those are not
    # the primary's
    (
        "truth.silent_recovery",
        (("claimed", "int"), ("held", "int"), ("sound", "int")),
    ),
    # a real engine's operation took so long by the clock; file -1: none
    (
        "truth.measured",
        (("file", "int"), ("what", "str"), ("duration_us", "int")),
    ),
    ("truth.violation", (("invariant", "str"), ("detail", "str"))),
    ("truth.end", ()),
    (
        "truth.engine",
        (("name", "seen-text"), ("version", "seen-text")),
    ),  # what held the databases
    # after a change of roles, of each database in service: the primary's fork, where it begins, and
    # whether the copy behind it stands where the primary's logs continue, and needs no seed
    (
        "truth.begins",
        (
            ("fork", "int"),
            ("lsn", "int"),
            ("commits", "int"),
            ("follows", "int"),
        ),
    ),
    # ---- what the world tells the journal of the machines ----
    # a late answer to an older incarnation
    ("seen.ignored", (("event", "str"), ("incarnation", "int"))),
    # an alert of the monitor's, on a machine of its own: the fields of seen.RaiseAlert
    (
        "seen.MonitorAlert",
        (
            ("source", "str"),
            ("database", "str"),
            ("event_id", "int"),
            ("level", "str"),
            ("minutes", "int"),
            ("name", "str"),
            ("text", "seen-text"),
        ),
    ),
    # ---- machines, copies, people, time ----
    # one that no database lives on: truth.failed does not tell of it
    ("truth.machine_lost", (("machine", "str"),)),
    # beside its cut_off: the job reported success, and the file holds nothing
    ("truth.backup_empty", (("file", "int"), ("kind", "int"))),
    # the secondary's copy of the database is there no more: wiped, dropped, broken by
    # a restore that failed
    ("truth.copy_gone", (("why", "str"),)),
    # 1: the server of that database has fallen, its data whole; 0: it is up again by itself
    ("truth.down", (("begins", "int"),)),
    # a wrong change was committed: it is the commit of that number (the first that is acknowledged
    # from then on)
    ("truth.mistake", (("commit", "int"), ("what", "str"))),
    # it destroyed the data of that tenant; of no tenant: everybody's in the database
    ("truth.mistake_of", (("commit", "int"), ("tenant", "str"))),
    # those whose data it destroyed cannot work until it is put right
    ("truth.users_stopped", (("commit", "int"),)),
    # somebody has noticed that mistake
    ("truth.mistake_noticed", (("commit", "int"),)),
    # pages of the database have rotted at the primary, as many bytes as that
    ("truth.rot", (("nominal_bytes", "int"),)),
    # somebody or something has read one of them: a query, a check, a backup
    ("truth.rot_noticed", (("by", "str"),)),
    # a full holds such pages: its hash is right
    ("truth.backup_rotten", (("file", "int"),)),
    # people have said which fulls these are; 1: so does the copy here
    ("truth.rot_known", (("fulls", "int"), ("copy", "int"))),
    # sound pages were copied into their place
    ("truth.pages_restored", (("nominal_bytes", "int"),)),
    # a database with such pages was brought online
    ("truth.rot_promoted", (("commits", "int"),)),
    # beside the service: a backup was restored there, and what was lost is back at the primary
    (
        "truth.restored_beside",
        (
            ("file", "int"),
            ("fork", "int"),
            ("lsn", "int"),
            ("commits", "int"),
        ),
    ),
    ("truth.copied_back", (("commit", "int"), ("nominal_bytes", "int"))),
    # an operator ordered a failover that stops before that many commits; -1: none
    (
        "truth.stop_ordered",
        (("operator", "str"), ("commits", "int"), ("stop_us", "int")),
    ),
    # its job is due, and waits until another of the database is over
    ("truth.backup_waits", (("kind", "int"),)),
    # a SaveAll that failed; entries: as a SaveAll's; ok: all of them are there all the same
    ("truth.store_write_all", (("entries", "str"), ("ok", "int"))),
    # ---- a change of roles ----
    # a pair begins: which site is the primary, which the secondary, and when that is in place
    (
        "truth.roles",
        (
            ("primary", "str"),
            ("secondary", "str"),
            ("secondary_from_us", "int"),
        ),
    ),
    # of a pair that has others beside it: where its standby is, its place in the order of them, how
    # many there are, and the number of the first one's pair
    (
        "truth.standby",
        (("place", "str"), ("rank", "int"), ("of", "int"), ("lead", "int")),
    ),
    # something that had begun before continues: the event's number (0: drawn) and its kind
    ("truth.goes_on", (("number", "int"), ("what", "str"))),
    # ---- what was lost is back ----
    # a 'site' or the machines of one ('host'): what, the site's name, and its role:
    # primary (nobody had another one yet), second side, or spare
    ("truth.returned", (("what", "str"), ("site", "str"), ("role", "str"))),
    # that site is the second side from now on, in the place of the one that was named before
    ("truth.second_side", (("site", "str"),)),
    # there a copy of the database stands already, and continues with the primary's logs
    (
        "truth.copy_there",
        (("fork", "int"), ("lsn", "int"), ("commits", "int")),
    ),
    # a site that is back holds so much of the database that a failover has lost
    (
        "truth.still_there",
        (("site", "str"), ("user_bytes", "int"), ("transactions", "int")),
    ),
    # the servers of a primary that was stopped for a failover begin to start again; by_hand: people
    # do it, and no recovery manager
    ("truth.unfencing", (("by_hand", "int"),)),
    # a database that was stopped for a failover takes writes again at the primary; since when it
    # had taken none, and the number of commits that were refused meanwhile
    ("truth.unfenced", (("stop_us", "int"), ("refused", "int"))),
    # a database that had failed takes writes again at the primary; refused: the number of commits
    # that were refused meanwhile
    ("truth.opened", (("refused", "int"),)),
    # ---- another standby after a failover ----
    # its copy of the database cannot follow the new primary, and from what it is restored
    ("truth.cannot_follow", (("why", "str"), ("by", "str"))),
    # its copy stands behind the new primary's first position; since when it lacks something
    ("truth.behind", (("lacking_us", "int"),)),
    # it continues with a log of an earlier pair; here: that lies at the standby already
    # the two times are those in the backup's header
    (
        "truth.carried",
        (
            ("file", "int"),
            ("here", "int"),
            ("started_utc_us", "int"),
            ("finished_utc_us", "int"),
        ),
    ),
    # a store can be sent that file of an earlier pair by the new primary, at whose site it lies
    ("truth.carried_there", (("file", "int"),)),
    # the manager of a store begins with what that of an earlier pair there has saved of files
    ("truth.manager_goes_on", (("pair", "int"),)),
    # this copy begins a failover, and another one's has stopped the primary's writes before
    ("truth.stopped_before", (("stop_us", "int"),)),
)


CLOUD_TRUTH: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    # of the cloud manager and what is around it; entity: the network's index, -1: none
    ("truth.cloud_manager", (("incarnation", "int"), ("up", "int"))),
    # a crash fell between two commands of a list
    ("truth.cloud_commands_done", (("done", "int"), ("of", "int"))),
    # a SaveAll that failed; ok: all of it is there all the same
    ("truth.cloud_store_write", (("entries", "str"), ("ok", "int"))),
    # it is being upgraded from here on (1), or no more (0)
    ("truth.cloud_upgrade", (("begins", "int"),)),
    # an older manager that does not know that it is over wanted that
    ("truth.cloud_older", (("incarnation", "int"), ("what", "str"))),
    # a copy of its store was made; and took the store's place again
    ("truth.cloud_store_copied", ()),
    ("truth.cloud_store_restored", (("as_of_us", "int"),)),
    # a late answer to an older incarnation
    ("cloud.ignored", (("event", "str"), ("incarnation", "int"))),
    # a call of a client is over: its number, whether it asked for a change, how often it was
    # sent, from the first try to the end, and the answer ('' if there was none)
    (
        "truth.cloud_call",
        (
            ("client", "str"),
            ("number", "int"),
            ("action", "int"),
            ("tries", "int"),
            ("took_us", "int"),
            ("outcome", "str"),
        ),
    ),
    # so many calls, all of which only asked and were answered at the first try, since from_us
    (
        "truth.cloud_calls",
        (("client", "str"), ("from_us", "int"), ("calls", "int")),
    ),
    # a request was answered: the caller has read it
    (
        "truth.cloud_acknowledged",
        (("client", "str"), ("request", "str"), ("job", "str")),
    ),
    # what: begins, done, failed, killed, died, cleaning, cleaned, not cleaned
    (
        "truth.cloud_script",
        (
            ("site", "str"),
            ("job", "str"),
            ("attempt", "int"),
            ("script", "str"),
            ("entity_name", "str"),
            ("what", "str"),
        ),
    ),
    # a change took effect; how: script, set, hand; params: as the script had them
    (
        "truth.cloud_effect",
        (
            ("site", "str"),
            ("entity_name", "str"),
            ("change", "str"),
            ("how", "str"),
            ("params", "str"),
        ),
    ),
    # people said that work was done which they had forgotten
    (
        "truth.cloud_forgotten",
        (("site", "str"), ("entity_name", "str"), ("work", "str")),
    ),
    # so many changes are not in effect at the second side, the oldest since then (-1: none); and
    # how long it would take to bring them in
    (
        "truth.cloud_drift",
        (("since_us", "int"), ("changes", "int"), ("provision_us", "int")),
    ),
    # a failover waits for its site to be configured (begins 1), and continues (0): ready, or not
    (
        "truth.cloud_provision",
        (("site", "str"), ("begins", "int"), ("ready", "int")),
    ),
    # that site is lost, with all its agents
    ("truth.cloud_site_lost", (("site", "str"),)),
    # and it is back: its agents answer again
    ("truth.cloud_site_back", (("site", "str"),)),
    # a new second site is in place behind that active one, whether the manager knows it or not
    (
        "truth.cloud_second_side",
        (("active", "str"), ("site", "str")),
    ),
    # the manager says that a failover's site is configured, and it lacks this change of the thing
    (
        "truth.cloud_left_behind",
        (("site", "str"), ("entity_name", "str"), ("change", "str")),
    ),
    # the manager is told of a new second site, and is to configure it
    ("truth.cloud_stands", (("site", "str"),)),
    # a site gets machines beside the two sides, or gets no more
    ("truth.cloud_built", (("site", "str"), ("builds", "int"))),
    # a virtual machine; what: provisioning, running, down, stopped, removed
    (
        "truth.cloud_machine",
        (
            ("site", "str"),
            ("machine", "str"),
            ("farm", "str"),
            ("role", "str"),
            ("image", "str"),
            ("physical", "str"),
            ("what", "str"),
        ),
    ),
    # somebody asks for an upgrade of a farm to another image
    (
        "truth.cloud_farm_upgrade",
        (
            ("farm", "str"),
            ("image", "str"),
            ("style", "str"),
            ("at_once", "int"),
        ),
    ),
    # somebody sets goals of a farm: JSON, how many machines by role
    ("truth.cloud_farm_goals", (("farm", "str"), ("goals", "str"))),
    # requests an hour that a farm's users make from now on, where its front ends follow them
    ("truth.cloud_load", (("farm", "str"), ("per_hour", "int"))),
    # an image on its way to a site's install point; what: copying, there, interrupted, gone from
    # there, or older: another one has its name there; so many bytes have crossed
    (
        "truth.cloud_image",
        (
            ("site", "str"),
            ("image", "str"),
            ("what", "str"),
            ("sent_bytes", "int"),
        ),
    ),
    # a failover to that standby, which is not mirrored, would wait so long to be configured
    (
        "truth.cloud_elsewhere",
        (("site", "str"), ("provision_us", "int")),
    ),
)
