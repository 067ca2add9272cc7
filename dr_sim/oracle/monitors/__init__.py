"""Monitors of the requirements: each reads the journal of a run and says which requirement was
broken.

They know the words of the requirements (alerts, the order of a failover, retention, liveness) and
the events and commands of the machines. They know nothing of how the recovery logic decides: they
import neither the recovery logic nor the planner. The logic under test may be the user's own. A
monitor is excused only by truth (the manager was down, a share could not be reached, a limit has
passed), never by something that the logic caused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dr_sim.oracle.monitors import (
    alert_levels,
    alert_texts,
    asking,
    choices,
    coming_online,
    durable,
    first_copy,
    hashing,
    keeping,
    lacking,
    liveness,
    names,
    needless,
    overdue,
    primary,
    reads,
    refusals,
    replacing,
    restarts,
    silence,
    trouble,
    untrue,
)
from dr_sim.oracle.monitors.failover import (
    back,
    causes,
    choice,
    course,
    emptied,
    order,
)
from dr_sim.oracle.monitors.story import Breach, Story
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario

Monitor = Callable[[Story], Iterator[Breach]]

MONITORS: tuple[Monitor, ...] = (
    alert_texts.texts_are_right,
    alert_texts.minutes_are_right,
    alert_texts.lateness_is_right,
    alert_texts.the_number_that_waits_is_right,
    alert_levels.levels_are_right,
    alert_levels.told_again_at_every_retry,
    trouble.trouble_is_told,
    trouble.a_standstill_is_told,
    trouble.late_landings_are_told,
    trouble.only_what_lacks_is_told,
    trouble.what_is_whole_is_not_told,
    needless.trouble_is_told_at_its_limit,
    needless.damage_is_told_at_its_limit,
    needless.a_hole_is_told_at_its_limit,
    needless.lateness_on_purpose_is_not_told,
    needless.a_hole_that_is_filled_is_not_told,
    needless.what_is_replaced_is_told_no_more,
    untrue.silence_is_told_at_its_limit,
    untrue.overdue_is_told_when_due,
    overdue.overdue_is_told,
    untrue.a_whole_store_lacks_nothing,
    untrue.files_are_of_that_database,
    untrue.refused_files_wait_for_a_retry,
    untrue.alerts_are_repeated_at_retries,
    untrue.lateness_is_repeated_at_retries,
    names.names_sort_as_time,
    silence.silence_is_told,
    silence.silence_is_told_after_a_restart,
    silence.silence_is_told_after_a_call_off,
    silence.silence_is_looked_into,
    reads.counted_before_the_read,
    reads.copies_bear_their_count,
    reads.replay_waits_on_purpose_only,
    reads.replay_delay_is_kept,
    reads.a_rebuilt_copy_keeps_its_delay,
    reads.read_after_a_hash_of_its_own,
    reads.replay_keeps_its_hours,
    reads.the_engine_takes_what_it_is_given,
    primary.the_silent_are_not_asked,
    primary.what_lies_there_is_copied,
    primary.what_is_damaged_is_copied_again,
    replacing.dropped_after_its_replacement_is_here,
    replacing.the_newest_full_is_taken,
    replacing.a_copy_does_not_go_back,
    primary.a_lost_log_is_got_past,
    primary.a_refusal_that_passes_changes_nothing,
    asking.what_can_be_made_is_asked_for,
    asking.a_store_asks_for_what_it_lacks,
    asking.a_full_is_asked_for_without_a_base,
    asking.what_is_damaged_is_taken_again,
    asking.asked_again_once_refused,
    asking.nothing_is_asked_for_twice,
    asking.no_full_of_rotten_pages_is_asked_for_at_once,
    asking.dropped_only_for_what_fits,
    choices.the_best_backup_gets_past,
    choices.files_are_sent_in_order,
    choices.no_full_is_sent_in_vain,
    lacking.a_missing_copy_is_asked_for,
    first_copy.surviving_backups_come_first,
    first_copy.no_chain_outweighs_a_new_full,
    hashing.hashed_again,
    hashing.logs_are_hashed_again,
    durable.alerts_are_durable_first,
    durable.nothing_stays_of_what_is_deleted,
    keeping.deletes_take_nothing_needed,
    keeping.nothing_is_deleted_while_it_may_be_the_way_back,
    keeping.the_primary_keeps_what_is_not_copied,
    keeping.old_logs_go_every_day,
    keeping.old_files_go,
    keeping.damaged_logs_go,
    causes.orders_are_obeyed_or_refused,
    causes.begun_for_a_reason,
    refusals.refusals_are_true,
    refusals.nobody_else_restores_beside,
    causes.a_silent_primary_is_acted_upon,
    choice.claimed_in_its_turn,
    choice.the_claim_is_let_go,
    choice.without_the_claim_it_is_left,
    choice.a_freed_claim_is_taken,
    choice.no_copy_offers_more_than_it_has,
    order.phases_follow_the_order,
    order.stopped_before_emptied,
    order.fenced_until_confirmed,
    order.not_called_off_once_stopped,
    back.goes_back_for_a_reason,
    back.asked_until_it_serves,
    back.never_left_stopped,
    back.planned_ones_keep_their_limit,
    back.never_two_serve,
    emptied.tails_are_asked_for,
    emptied.the_last_backup_is_asked_for_again,
    emptied.nothing_is_given_up_early,
    emptied.what_is_damaged_is_copied_again,
    emptied.what_stays_behind_is_told,
    emptied.whoever_has_all_leaves_nothing,
    course.the_drain_ends_in_time,
    course.no_share_is_waited_for_that_is_silent,
    course.hanging_restores_are_ended,
    course.no_restore_is_ended_early,
    course.what_is_not_online_is_ordered_again,
    course.readers_are_let_in_again,
    course.a_wait_is_told_again,
    order.nothing_is_restored_after_recovery,
    order.users_come_last,
    order.two_primaries_are_told,
    order.a_failover_ends_or_says_why,
    order.planned_loses_nothing,
    coming_online.only_what_is_ordered_stops_early,
    coming_online.planned_ones_need_the_primary,
    coming_online.nothing_is_being_restored,
    coming_online.ordered_online_once,
    coming_online.the_only_way_is_waited_for,
    coming_online.the_primary_that_is_heard_has_answered,
    restarts.late_answers_cause_nothing,
    restarts.phases_are_durable_first,
    restarts.the_fence_is_durable_first,
    liveness.restored_after_the_storm,
)
"""Every monitor there is."""


def broken(journal: Journal, scenario: Scenario) -> list[Breach]:
    """Return every requirement that a run broke, in the order of the rows."""
    story = Story(journal, scenario)
    if not story.lives:
        return []  # nobody managed anything in it
    found = [each for monitor in MONITORS for each in monitor(story)]
    return sorted(
        found, key=lambda each: (each.seq, each.requirement, each.sentence)
    )


__all__ = ["MONITORS", "Breach", "Monitor", "Story", "broken"]
