//! The tour of one change, and one test per promise, over the real programs.
#![allow(missing_docs, clippy::unwrap_used)]

mod all_start_orders;
mod damage;
mod demo;
mod killed_in_turn;
mod promise_1_reads_never_touch_writers;
mod promise_2_a_dead_writer_costs_its_own_section;
mod promise_5_any_delivery_order_converges;
mod promise_6_a_lost_event_costs_seconds;
mod promise_7_acknowledged_means_saved;
mod promise_8_a_list_is_never_all_or_nothing;
mod promise_10_too_much_load_is_refused_by_priority;
mod refused_configuration;
mod tour;
mod two_query_servers;
