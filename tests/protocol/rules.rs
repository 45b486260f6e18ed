//! The table of rules: what the specification demands of a server over HTTP, and which test holds
//! it. The tests below read it: a row must name tests that exist, and every test of this folder must
//! be in some row.
//!
//! *Where* is a page of the specification of the newest revision meant, and its section. *Held by*
//! is a file and a function: those without a folder are here, others are given from the root, without
//! `.rs`. Of what a rule says for clients, the part is meant that a server has to take.
//!
//! # Messages
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | messages are JSON-RPC 2.0 in UTF-8; what is not is refused | all | must | basic, messages | `messages::what_is_no_json_or_no_message_is_refused_at_every_door`, `src/wire/jsonrpc/tests::what_is_not_json`, `src/wire/jsonrpc/tests::what_is_json_and_no_message` |
//! | an answer has the id of its request, and of the same JSON type | all | must | basic, responses | `messages::an_id_comes_back_with_its_json_type`, `tests/engine/refusals::the_id_of_a_refused_request_comes_back_as_it_was` |
//! | the id of a request is a string or a number, and no answer says `null` | from 2025-03-26 | must | basic, requests | `messages::what_is_no_id_is_refused_and_never_sent_back`, `src/wire/jsonrpc/id::what_is_no_id` |
//! | an id is that of one request in flight, within its session | to 2025-11-25 | must | basic, requests | `messages::sessions_have_their_ids_apart`, `tests/engine/calls::an_id_in_flight_is_not_taken_again_in_its_session` |
//! | an answer has a result or an error and not both; an error has an integer for its code and a text | all | must | basic, responses | `messages::every_answer_has_a_result_or_an_error_with_code_and_text` |
//! | a notification is not answered, and has no effect of a request | all | must | basic, notifications | `messages::a_notification_is_never_answered` |
//! | batches are taken, and each request in them is answered | 2025-03-26 | must | basic, batching | `messages::a_batch_is_answered_member_by_member_in_an_array`, `messages::only_sessions_of_2025_03_26_may_send_batches`, `tests/engine/streams::a_batch_with_a_call_is_answered_as_an_array_or_event_by_event` |
//! | `initialize` is not part of a batch | 2025-03-26 | must | basic/lifecycle, initialization | `messages::a_handshake_is_not_part_of_a_batch` |
//! | a body is one message | from 2025-06-18 | must | basic/transports, sending messages | `messages::only_sessions_of_2025_03_26_may_send_batches`, `tests/engine/stateless::batches_responses_and_null_ids_are_refused_and_notifications_taken` |
//! | nothing is assumed of members and metadata that are not known | all | must | basic, _meta | `messages::unknown_members_and_foreign_metadata_change_nothing` |
//! | results have what the schema of their revision says, and `{}` where it says so | to 2025-11-25 | must | schema, EmptyResult | `messages::results_of_older_revisions_have_no_marks_of_the_new_one`, `utilities::ping_is_answered_at_once_with_an_empty_result` |
//! | codes that the specification reserves have its meaning; those of older revisions are gone | 2026-07-28 | must | basic, error codes | `stateless::no_code_of_older_revisions_is_given` |
//!
//! # Handshake
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | the revision that a client asks for is answered where it is served | to 2025-11-25 | must | basic/lifecycle, version negotiation | `lifecycle::a_revision_is_agreed_on_at_each_transport` |
//! | where it is not, the newest one with a handshake is | to 2025-11-25 | should | basic/lifecycle, version negotiation | `lifecycle::a_revision_is_agreed_on_at_each_transport`, `tests/engine/refusals::a_revision_is_agreed_on` |
//! | the answer says who the server is and what it can do; tools and log messages are declared | to 2025-11-25 | must | basic/lifecycle, initialization | `lifecycle::initialize_says_who_answers_and_what_there_is` |
//! | only what was declared is used: by the client | to 2025-11-25 | must | basic/lifecycle, operation | `lifecycle::what_is_not_declared_is_no_method` |
//! | only what was declared is used: by the server | to 2025-11-25 | must | basic/lifecycle, operation | `tests/engine/asks::what_the_client_has_not_declared_is_not_asked`, `tests/engine/asks::older_revisions_know_no_modes` |
//! | a session has one handshake, and it comes first | to 2025-11-25 | must | basic/lifecycle, initialization | `lifecycle::a_second_initialize_is_refused_and_changes_nothing` |
//! | nothing is asked of a client before it has confirmed | to 2025-11-25 | should | basic/lifecycle, initialization | `lifecycle::nothing_is_asked_before_the_client_has_confirmed` |
//! | what does not say what its header says is malformed, `initialize` as well | 2026-07-28 | must | basic, _meta | `lifecycle::initialize_with_the_header_of_2026_07_28_needs_a_claim` |
//! | a call has a time that it may take, which progress does not put off | all | should | basic/lifecycle, timeouts | `utilities::progress_does_not_put_off_the_timeout`, `tests/engine/calls::a_call_that_takes_too_long_is_terminated_killed_and_answered` |
//! | so has a question to a client | all | should | basic/lifecycle, timeouts | `tests/engine/asks::a_client_that_never_answers_is_not_waited_for_for_ever` |
//!
//! # Who may come in
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | an `Origin` that is not allowed is 403, whatever is asked | all | must | basic/transports, security warning | `http::a_foreign_origin_alone_is_403_at_every_door_and_method`, `tests/engine/stateless::a_foreign_origin_alone_is_refused_and_a_foreign_host_alone` |
//! | only this machine gets in unless the operator says otherwise | all | should | basic/transports, security warning | `src/daemon/settings::the_network_gets_in_only_when_asked`, `tests/daemon/operator::the_network_gets_in_only_with_auth_none` |
//! | whoever comes is asked for credentials | all | should | basic/transports, security warning | `tests/engine/access::every_door_asks_for_credentials_unless_it_is_open_to_all` |
//!
//! # HTTP+SSE
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | there are two doors, and the first event of the stream names the other one, of the same origin | 2024-11-05 | must | basic/transports, HTTP with SSE | `http_sse::the_first_event_names_a_door_of_the_same_origin`, `tests/call::a_call_over_http_sse` |
//! | messages come as events named `message`, and nowhere else | 2024-11-05 | must | basic/transports, HTTP with SSE | `http_sse::every_message_is_an_event_named_message` |
//! | a client of another revision finds out by the answer that it has to fall back | 2024-11-05 | should | basic/versioning, backward compatibility | `http_sse::a_claim_does_not_make_it_another_revision` |
//!
//! # Streamable HTTP with sessions
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | a notification or response is taken with 202 and no body | 2025-03-26 to 2025-11-25 | must | basic/transports, sending messages | `http::notifications_and_responses_are_taken_with_202_and_no_body` |
//! | what cannot be taken is an HTTP error | 2025-03-26 to 2025-11-25 | must | basic/transports, sending messages | `tests/engine/refusals::requests_that_no_door_takes`, `tests/engine/refusals::refusals_within_a_session` |
//! | a POST takes JSON and events, and brings JSON | from 2025-03-26 | must | basic/transports, sending messages | `tests/engine/refusals::requests_that_no_door_takes`, `tests/engine/refusals::what_looks_odd_and_is_served`, `src/mcp/streamable::accept_takes_names_and_wildcards`, `stateless::accept_and_content_type_are_looked_at_as_in_2025` |
//! | a request is answered as JSON or as events | 2025-03-26 to 2025-11-25 | must | basic/transports, sending messages | `http::a_request_is_answered_as_json_or_as_events_and_says_which` |
//! | a stream has the answer, is not closed before it, and ends with it | 2025-03-26 to 2025-11-25 | should | basic/transports, sending messages | `http::an_answer_stream_ends_with_its_answer_and_not_before` |
//! | what comes before an answer is about its request | 2025-03-26 to 2025-11-25 | should | basic/transports, sending messages | `http::each_message_goes_to_one_stream_and_answers_never_to_a_listening_one`, `tests/engine/eras::each_client_of_three_eras_hears_its_own_calls_and_nothing_else` |
//! | a lost connection cancels nothing | to 2025-11-25 | should | basic/transports, sending messages | `utilities::a_broken_connection_cancels_nothing_in_a_session`, `tests/engine/calls::a_broken_connection_cancels_only_what_has_no_session` |
//! | a GET is answered with events or 405 | 2025-03-26 to 2025-11-25 | must | basic/transports, listening for messages | `tests/engine/refusals::requests_that_no_door_takes` |
//! | a listening stream has no answers, unless it resumes one | 2025-03-26 to 2025-11-25 | must | basic/transports, listening for messages | `http::each_message_goes_to_one_stream_and_answers_never_to_a_listening_one` |
//! | each message goes to one stream | 2025-03-26 to 2025-11-25 | must | basic/transports, multiple connections | `http::each_message_goes_to_one_stream_and_answers_never_to_a_listening_one`, `tests/engine/sessions::a_new_listening_stream_takes_the_place_of_the_old_one` |
//! | no two events of a session have the same id | 2025-03-26 to 2025-11-25 | must | basic/transports, resumability | `resume::no_two_events_of_a_session_have_the_same_id_and_each_names_its_stream` |
//! | an event id says of which stream it is | 2025-11-25 | should | basic/transports, resumability | `resume::no_two_events_of_a_session_have_the_same_id_and_each_names_its_stream` |
//! | a stream begins with an id to come back with, no data, and `retry` | 2025-11-25 | should | basic/transports, sending messages | `resume::answer_streams_begin_with_an_id_to_come_back_with_for_2025_11_25_only`, `tests/engine/streams::only_clients_of_2025_11_25_get_an_event_without_data` |
//! | a connection that is closed before the answer says when to come back | 2025-11-25 | should | basic/transports, sending messages | `tests/engine/functions::a_client_that_was_let_go_comes_back_for_the_answer`, `tests/engine/functions::clients_that_could_not_come_back_are_not_let_go` |
//! | who comes back gets what came after the event it names | 2025-03-26 to 2025-11-25 | should | basic/transports, resumability | `resume::a_listening_stream_is_resumed_behind_the_event_that_was_seen`, `tests/engine/streams::an_answer_stream_is_resumed_behind_the_event_that_was_seen` |
//! | and nothing of another stream | 2025-03-26 to 2025-11-25 | must | basic/transports, resumability | `resume::only_what_its_own_stream_has_missed_is_sent_again`, `resume::nobody_resumes_the_stream_of_another_session` |
//! | what is no longer kept is said to be, and not passed over | 2025-03-26 to 2025-11-25 | should | basic/transports, resumability | `tests/engine/streams::what_is_no_longer_kept_or_was_never_sent_is_410` |
//! | a session id is visible ASCII | 2025-03-26 to 2025-11-25 | must | basic/transports, session management | `tests/contracts/seed_1::s1_02_the_first_event_is_a_relative_path_with_an_unguessable_id` |
//! | nobody can guess it | 2025-03-26 to 2025-11-25 | should | basic/transports, session management | `tests/contracts/seed_1::s1_02_the_first_event_is_a_relative_path_with_an_unguessable_id`, `src/edge/chance::as_many_bytes_come_as_are_asked_for_and_never_the_same` |
//! | it comes with the answer to `initialize` | 2025-03-26 to 2025-11-25 | must | basic/transports, session management | `tests/engine/sessions::the_session_is_named_in_the_head_of_initialize_only` |
//! | a request that needs a session and names none is 400 | 2025-03-26 to 2025-11-25 | should | basic/transports, session management | `http::a_session_that_is_needed_and_missing_is_400` |
//! | a session that is over is 404 | 2025-03-26 to 2025-11-25 | must | basic/transports, session management | `http::a_session_that_has_ended_or_never_was_is_404_for_every_method`, `tests/engine/sessions::an_unused_streamable_session_ends_after_the_idle_timeout` |
//! | a DELETE ends it, with its streams and its work | 2025-03-26 to 2025-11-25 | should | basic/transports, session management | `tests/engine/sessions::a_deleted_session_is_unknown_and_its_streams_are_closed` |
//! | a version header that is no revision is 400 | 2025-06-18 to 2025-11-25 | must | basic/transports, protocol version header | `http::every_method_refuses_a_version_that_is_not_known` |
//! | without it the session's revision holds | 2025-06-18 to 2025-11-25 | should | basic/transports, protocol version header | `http::a_session_knows_its_revision_without_the_header`, `tests/engine/refusals::a_batch_obeys_the_version_header` |
//! | nobody but its owner uses a session | 2025-03-26 to 2025-11-25 | must | basic/security_best_practices, session hijacking | `tests/engine/access::nobody_sees_or_changes_the_session_of_another` |
//!
//! # Ping, cancellation, progress, log messages
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | a ping is answered at once with an empty result | to 2025-11-25 | must | basic/utilities/ping, behavior | `utilities::ping_is_answered_at_once_with_an_empty_result` |
//! | a cancelled call is stopped, its place is free, and it has no result | to 2025-11-25 | should | basic/utilities/cancellation, behavior | `utilities::a_cancelled_call_is_stopped_and_has_no_result`, `tests/engine/calls::a_cancelled_call_over_http_sse_is_not_answered` |
//! | a cancellation that is wrong or comes too late is ignored | to 2025-11-25 | must | basic/utilities/cancellation, timing | `utilities::a_cancellation_of_nothing_is_ignored`, `tests/engine/calls::a_stranger_cannot_cancel` |
//! | the server cancels only what it has asked and waits for | to 2025-11-25 | must | basic/utilities/cancellation, behavior | `tests/engine/asks::a_question_of_a_cancelled_call_is_taken_back`, `tests/engine/asks::a_question_that_the_work_does_not_wait_for_is_taken_back` |
//! | progress grows with every report | all | must | basic/utilities/progress, progress flow | `utilities::progress_increases_under_its_token_and_stops_with_the_answer`, `utilities::a_report_of_no_progress_is_not_told` |
//! | it is told under a token that is in use, as it was given, and to nobody without | all | must | basic/utilities/progress, behavior | `utilities::progress_increases_under_its_token_and_stops_with_the_answer`, `utilities::nobody_hears_of_progress_without_a_token` |
//! | a token is a string or a number | all | must | basic/utilities/progress, progress flow | `utilities::a_token_is_a_string_or_a_number` |
//! | it stops with the answer | all | must | basic/utilities/progress, implementation notes | `utilities::progress_increases_under_its_token_and_stops_with_the_answer` |
//! | progress and log messages do not flood a client | all | should | basic/utilities/progress, implementation notes | `tests/engine/streams::a_chatty_tool_does_not_cost_a_client_its_answer`, `utilities::a_flood_of_log_messages_does_not_cost_the_answer` |
//! | a level lets through itself and what is more severe | all | must | server/utilities/logging, log levels | `utilities::a_level_lets_through_itself_and_what_is_more_severe` |
//! | a level that is none is -32602 | all | should | server/utilities/logging, error handling | `utilities::a_level_that_is_none_is_wrong_and_changes_nothing`, `tests/engine/stateless::what_a_request_must_say_of_itself_is_missed` |
//! | who names no level hears nothing | 2026-07-28 | must | server/utilities/logging, per-request log level | `utilities::nobody_hears_log_messages_who_has_named_no_level`, `tests/engine/stateless::log_messages_come_only_to_requests_that_name_a_level_and_only_from_that_level_on` |
//!
//! # Listings
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | a list comes in pages, whole, and the last one has no cursor | all | must | server/utilities/pagination, response format | `catalogue::every_tool_is_listed_once_page_by_page`, `src/tool/registry::pages_hold_every_tool_once_in_order` |
//! | a cursor holds as long as the tool that it follows | all | should | server/utilities/pagination, implementation guidelines | `catalogue::cursors_hold_as_long_as_the_tool_that_they_follow` |
//! | a cursor that is none is -32602, that of a tool that is gone as well | all | should | server/utilities/pagination, error handling | `catalogue::a_cursor_that_was_never_given_is_wrong`, `catalogue::cursors_hold_as_long_as_the_tool_that_they_follow` |
//! | a change is told to whoever listens | to 2025-11-25 | should | server/tools, list changed notification | `catalogue::a_change_of_the_tools_is_told_once_to_every_session_that_listens`, `tests/engine/sessions::a_change_of_the_tools_is_told_now_or_at_the_next_get`, `tests/engine/listen::changes_of_listings_are_announced_and_told_to_sessions_now_or_at_the_next_get` |
//! | the order is the same each time | 2026-07-28 | should | server/tools, listing tools | `catalogue::the_order_is_the_same_for_everybody_and_at_any_time`, `tests/engine/stateless::listings_have_the_same_order_each_time_and_for_each_connection` |
//! | a list depends on who asks, and on no connection or earlier request | 2026-07-28 | must | server/tools, listing tools | `catalogue::the_order_is_the_same_for_everybody_and_at_any_time`, `stateless::requests_on_one_connection_have_nothing_in_common`, `tests/engine/access::a_role_sees_the_tools_it_may_use_and_no_others` |
//! | six results say how long and for whom they hold, and no other does | 2026-07-28 | must | server/utilities/caching, caching hints | `tests/engine/stateless::discover_says_what_there_is_and_how_long_that_holds`, `tests/engine/stateless::every_result_is_stamped_and_only_listings_may_be_kept` |
//! | all pages of a list have the same scope | 2026-07-28 | must | server/utilities/caching, pagination | `catalogue::every_page_may_be_kept_alike` |
//! | what callers get by their rights is not public | 2026-07-28 | must | server/utilities/caching, security | `tests/engine/stateless::what_callers_need_a_token_for_is_not_public` |
//!
//! # Tools
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | a tool has a name and an object for its schema | all | must | server/tools, data types | `tools::what_is_listed_can_be_called_by_any_client`, `src/tool/registry::an_entry_says_all_that_is_known_on_one_line`, `tests/library::mistakes_are_told_before_anything_listens` |
//! | its name is 1 to 128 plain characters, and nobody else's | from 2025-11-25 | should | server/tools, tool names | `tools::what_is_listed_can_be_called_by_any_client`, `src/tool/registry::one_name_twice_or_one_tool_too_many_is_refused` |
//! | names are told apart by case | from 2025-11-25 | should | server/tools, tool names | `tools::names_are_told_apart_by_case` |
//! | what a tool is given is checked | all | must | server/tools, security considerations | `tools::a_wrong_argument_is_a_result_and_a_wrong_request_an_error`, `src/tool/command/tests::wrong_arguments_are_told_all_at_once_and_nothing_runs` |
//! | a wrong argument is a result that a model can read, not an error | from 2025-11-25 | should | server/tools, error handling | `tools::a_wrong_argument_is_a_result_and_a_wrong_request_an_error` |
//! | a tool that is not there is an error, one that fails is a result | all | must | server/tools, error handling | `tools::a_wrong_argument_is_a_result_and_a_wrong_request_an_error`, `tools::a_tool_that_fails_is_a_result_that_says_so` |
//! | tools are for those who may use them | all | must | server/tools, security considerations | `tests/engine/access::a_tool_that_the_role_may_not_use_is_refused_with_the_id` |
//! | and as often as they may | all | must | server/tools, security considerations | `tests/engine/quotas::s1_08_whoever_asks_too_often_is_told_how_long_to_wait` |
//! | what a tool says cannot break out of its message | all | must | server/tools, security considerations | `src/tool/mod::a_result_never_breaks_its_line`, `tests/daemon/commands::a_flood_of_output_is_cut_within_the_memory` |
//! | structured content is said as text as well | from 2025-06-18 | should | server/tools, structured content | `tools::structured_content_is_an_object_and_said_as_text_as_well`, `src/tool/command/outcome::objects_are_structured_as_they_are_and_other_json_is_text` |
//! | it is an object | 2025-06-18 to 2025-11-25 | must | server/tools, structured content | `tools::structured_content_that_is_no_object_is_not_for_older_clients` |
//! | it is what the schema of the output says | from 2025-06-18 | must | server/tools, output schema | `src/tool/builtin/facts::the_json_and_its_schema_name_the_same_things` |
//! | media are base64 with their type | all | must | server/tools, image content | `src/tool/command/outcome::media_is_base64_of_all_of_it_or_an_error` |
//!
//! # Resources, prompts, completion
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | they are declared where there are any, and only there | all | must | server/resources, capabilities | `tests/engine/catalogue::capabilities_are_those_of_what_is_there_or_to_come`, `tests/engine/catalogue::a_server_without_a_catalogue_knows_none_of_its_methods` |
//! | what is declared is listed, be it nothing | all | must | server/resources, listing resources | `tests/engine/catalogue::what_there_is_is_listed_in_its_order`, `tests/engine/catalogue::capabilities_are_those_of_what_is_there_or_to_come` |
//! | their lists have pages like that of the tools | all | should | server/utilities/pagination, operations supporting pagination | `tests/engine/catalogue::long_lists_come_in_pages_and_other_cursors_are_wrong` |
//! | a resource that is not there is -32602, and never empty contents | 2026-07-28 | must | server/resources, error handling | `tests/engine/catalogue::a_resource_that_is_not_there_has_the_error_of_its_revision` |
//! | before that it is -32002 | to 2025-11-25 | should | server/resources, error handling | `tests/engine/catalogue::a_resource_that_is_not_there_has_the_error_of_its_revision` |
//! | what they are given is checked | all | must | server/resources, security considerations | `tests/engine/catalogue::wrong_parameters_are_named`, `src/tool/catalogue/pattern::uris_fit_or_not` |
//! | what is no text is base64 | all | must | server/resources, security considerations | `src/tool/catalogue/tests::bytes_are_text_or_base64`, `tests/engine/catalogue::fixed_contents_and_those_of_templates_are_read_at_once` |
//! | a prompt without an argument that it needs, or that is not there, is -32602 | all | should | server/prompts, error handling | `tests/engine/catalogue::wrong_parameters_are_named`, `src/tool/catalogue/tests::only_a_required_argument_is_missed` |
//! | at most 100 values complete an argument, and it is said that there are more | all | must | server/utilities/completion, completion results | `tests/engine/catalogue::completion_offers_what_fits_and_hears_of_the_other_arguments`, `src/tool/catalogue/tests::completions_are_cut_at_the_protocols_bound_and_say_so` |
//! | changes of the lists are told | to 2025-11-25 | should | server/resources, list changed notification | `tests/engine/catalogue::list_changes_are_told_where_another_list_takes_the_place` |
//! | changes of a resource are told to whoever has subscribed to it | to 2025-11-25 | should | server/resources, subscriptions | `tests/engine/catalogue::subscribers_are_told_of_what_they_subscribed_to`, `tests/engine/catalogue::only_what_is_known_can_be_subscribed_to` |
//! | those who may not have them do not | all | should | server/resources, security considerations | `tests/engine/access::every_door_asks_for_credentials_unless_it_is_open_to_all` |
//!
//! # 2026-07-28
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | `server/discover` is served, and says what there is | 2026-07-28 | must | server/discover, discovery | `tests/engine/stateless::discover_says_what_there_is_and_how_long_that_holds` |
//! | a request names its version and what its client can do, or is -32602 with 400 | 2026-07-28 | must | basic, _meta | `tests/engine/stateless::what_a_request_must_say_of_itself_is_missed` |
//! | the version header says what the body says, or it is -32020 with 400 | 2026-07-28 | must | basic/transports/streamable-http, protocol version header | `tests/engine/stateless::each_header_that_does_not_repeat_the_body_is_refused` |
//! | so do `Mcp-Method` and `Mcp-Name`, case and all | 2026-07-28 | must | basic/transports/streamable-http, server validation | `tests/engine/stateless::each_header_that_does_not_repeat_the_body_is_refused`, `stateless::a_method_with_a_name_needs_it_in_its_head` |
//! | a value in base64 is decoded before it is compared | 2026-07-28 | must | basic/transports/streamable-http, value encoding | `src/mcp/header/tests::values_are_taken_as_they_are_or_out_of_their_base64`, `tests/engine/stateless::each_header_that_does_not_repeat_the_body_is_refused` |
//! | a header of a parameter is there if the parameter is, and says the same | 2026-07-28 | must | basic/transports/streamable-http, server behavior | `tests/engine/functions::headers_that_repeat_arguments_are_held_against_them`, `src/mcp/header/tests::a_value_and_its_header_come_and_go_together` |
//! | one that is no text is refused | 2026-07-28 | must | basic/transports/streamable-http, server behavior | `src/mcp/header/tests::a_header_that_is_no_text_is_seen_and_refused` |
//! | integers are compared by value | 2026-07-28 | should | basic/transports/streamable-http, server validation | `src/mcp/header/tests::integers_are_compared_by_value_within_the_safe_range` |
//! | annotations for headers are as the specification wants them | 2026-07-28 | must | server/tools, x-mcp-header | `tests/engine/functions::a_schema_that_marks_what_no_header_can_say_is_refused`, `src/mcp/header/tests::annotations_have_a_good_name_and_a_simple_type`, `src/mcp/header/tests::annotations_elsewhere_make_a_definition_invalid`, `src/mcp/header/tests::annotations_have_a_name_each_whatever_its_case` |
//! | a version that is not served is -32022 with 400, and those that are served are named | 2026-07-28 | must | basic/versioning, protocol version negotiation | `tests/engine/stateless::a_version_that_is_not_served_is_named_with_those_that_are` |
//! | a method that is not there is -32601 with 404, those of older revisions as well | 2026-07-28 | must | basic/transports/streamable-http, protocol version header | `tests/engine/stateless::methods_of_older_revisions_and_unknown_ones_are_not_found` |
//! | every result says of which kind it is | 2026-07-28 | must | basic, responses | `tests/engine/stateless::every_result_is_stamped_and_only_listings_may_be_kept` |
//! | and who has given it | 2026-07-28 | should | basic, _meta | `tests/engine/stateless::every_result_is_stamped_and_only_listings_may_be_kept` |
//! | a notification is taken with 202 and no body | 2026-07-28 | must | basic/transports/streamable-http, sending messages | `tests/engine/stateless::batches_responses_and_null_ids_are_refused_and_notifications_taken` |
//! | no request depends on another one of its connection | 2026-07-28 | must | basic, statelessness | `stateless::requests_on_one_connection_have_nothing_in_common` |
//! | requests of other clients, and of older revisions, may come between | 2026-07-28 | should | basic, statelessness | `stateless::requests_on_one_connection_have_nothing_in_common`, `tests/engine/stateless::the_claim_decides_and_no_header_does` |
//! | a session id is ignored and none is given | 2026-07-28 | should | basic/transports/streamable-http, backward compatibility | `tests/engine/stateless::a_session_id_is_ignored_even_if_it_is_wrong_and_none_is_minted` |
//! | GET and DELETE are 405 | 2026-07-28 | should | basic/transports/streamable-http, backward compatibility | `tests/engine/stateless::get_and_delete_are_of_older_revisions` |
//! | nothing is resumed | 2026-07-28 | should | basic/transports/streamable-http, backward compatibility | `stateless::a_stream_is_never_resumed` |
//! | a request is answered as JSON or as events | 2026-07-28 | must | basic/transports/streamable-http, sending messages | `tests/engine/stateless::an_answer_is_one_body_until_something_is_streamed` |
//! | before the answer come notifications about its request, and no requests | 2026-07-28 | must | basic/transports/streamable-http, receiving messages | `stateless::nothing_but_notifications_comes_before_the_answer_which_ends_the_stream`, `tests/engine/stateless::progress_goes_to_the_stream_of_its_request_with_the_token_as_it_was` |
//! | the answer ends the stream | 2026-07-28 | should | basic/transports/streamable-http, receiving messages | `stateless::nothing_but_notifications_comes_before_the_answer_which_ends_the_stream` |
//! | proxies are told to hold nothing back | 2026-07-28 | should | basic/transports/streamable-http, receiving messages | `tests/engine/stateless::a_long_answer_begins_its_stream_so_that_no_proxy_cuts_it` |
//! | a lost connection cancels, and nothing more is said | 2026-07-28 | must | basic/transports/streamable-http, cancellation | `tests/engine/stateless::closing_the_connection_cancels_and_nothing_more_is_said` |
//!
//! # Questions to clients
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | a question is a request on the stream of the call it is about | to 2025-11-25 | should | basic/transports, sending messages | `tests/engine/asks::a_question_is_a_request_on_the_stream_of_its_call`, `tests/engine/asks::http_sse_carries_questions_and_answers_too` |
//! | only the session that was asked can answer | to 2025-11-25 | must | basic/security_best_practices, session hijacking | `tests/engine/asks::only_its_own_session_answers_and_only_once` |
//! | a page to visit has a name, and its end is told | 2025-11-25 | must | client/elicitation, URL mode | `tests/engine/asks::a_page_has_a_name_and_is_done_with_when_the_call_is` |
//! | questions are part of a result, each under a key of its own | 2026-07-28 | must | basic/patterns/mrtr, server requirements | `tests/engine/asks::the_questions_of_a_turn_end_the_exchange_together` |
//! | such a result has questions or a state | 2026-07-28 | must | basic/patterns/mrtr, server requirements | `tests/engine/asks::the_questions_of_a_turn_end_the_exchange_together`, `tests/engine/asks::what_is_missing_or_makes_no_sense_is_asked_again` |
//! | a client is asked only what it has declared | 2026-07-28 | must | basic/patterns/mrtr, server requirements | `tests/engine/asks::a_client_that_comes_back_with_less_is_not_asked_for_more`, `tests/engine/asks::a_refused_question_does_not_end_the_exchange_before_the_work_knows` |
//! | a state that was changed is refused | 2026-07-28 | must | basic/patterns/mrtr, server requirements | `tests/engine/asks::a_state_is_worth_nothing_for_anything_else`, `src/mcp/request_state/tests::a_state_with_any_bit_flipped_is_refused`, `src/mcp/request_state/tests::a_state_that_is_longer_or_shorter_is_refused` |
//! | so is one of another request, of another principal, one that was used and one that is old | 2026-07-28 | should | basic/patterns/mrtr, server requirements | `tests/engine/asks::a_state_is_worth_nothing_for_anything_else`, `tests/engine/asks::a_state_is_for_whoever_got_it`, `tests/engine/asks::a_call_may_ask_again_and_every_round_has_its_own_state`, `tests/engine/asks::a_client_that_never_comes_back_is_waited_for_a_while` |
//! | answers that nobody needs are ignored; those that are missing or wrong are asked for again | 2026-07-28 | should | basic/patterns/mrtr, error handling | `tests/engine/asks::what_is_missing_or_makes_no_sense_is_asked_again`, `tests/engine/asks::answers_may_come_before_their_questions` |
//! | nobody relies on a client that comes back | 2026-07-28 | must | basic/patterns/mrtr, server requirements | `tests/engine/asks::a_client_that_never_comes_back_is_waited_for_a_while`, `tests/engine/asks::a_call_whose_client_is_away_makes_room_for_others` |
//!
//! # Subscriptions
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | the acknowledgement comes first, and says what will be told | 2026-07-28 | must | basic/patterns/subscriptions, acknowledgment | `tests/engine/listen::the_answer_is_a_stream_that_begins_with_the_acknowledgement`, `tests/engine/listen::what_is_not_offered_is_not_acknowledged` |
//! | whatever comes names the request that opened the stream, by its id as it was | 2026-07-28 | must | basic/patterns/subscriptions, correlation | `tests/engine/listen::the_subscription_is_named_by_the_id_of_the_request_with_its_type` |
//! | only what was asked for is told | 2026-07-28 | must | basic/patterns/subscriptions, opening a subscription | `tests/engine/listen::only_what_was_asked_for_and_acknowledged_is_told`, `tests/engine/listen::a_client_may_have_several_and_each_is_told_its_own` |
//! | the client ends it by closing the stream | 2026-07-28 | must | basic/patterns/subscriptions, cancellation | `tests/engine/listen::its_client_ends_it_by_closing_and_nothing_is_left` |
//! | a server that ends it answers the request | 2026-07-28 | should | basic/patterns/subscriptions, graceful closure | `tests/engine/listen::a_server_that_stops_answers_the_request_and_ends_the_stream` |
//! | a quiet stream is kept alive | 2026-07-28 | should | basic/transports/streamable-http, receiving messages | `tests/engine/listen::a_subscription_is_quiet_for_days_but_for_heartbeats` |
//!
//! # Tasks
//!
//! | Rule | Revisions | Level | Where | Held by |
//! |---|---|---|---|---|
//! | only a client that has declared the extension with its request is given a task | 2026-07-28 | must | extensions/tasks, capability negotiation | `tests/engine/tasks::an_optional_task_is_a_call_for_those_who_do_not_know_tasks` |
//! | where nothing else will do, others get -32021 with what they lack | 2026-07-28 | must | extensions/tasks, capability negotiation | `tests/engine/tasks::clients_without_the_extension_are_told_what_is_missing` |
//! | so do those that want to be told of tasks | 2026-07-28 | must | extensions/tasks, task notifications | `tests/engine/listen::tasks_are_told_to_those_who_know_them` |
//! | a task that was created says so and can be asked about at once | 2026-07-28 | must | extensions/tasks, creation | `tests/engine/tasks::a_task_is_created_read_and_finished` |
//! | `tasks/get` says how it is, with its result or its error | 2026-07-28 | must | extensions/tasks, getting tasks | `tests/engine/tasks::a_task_is_created_read_and_finished`, `tests/engine/tasks::a_tool_that_fails_has_a_result_and_a_request_that_fails_has_an_error` |
//! | a tool that fails has completed | 2026-07-28 | must | extensions/tasks, error handling | `tests/engine/tasks::a_tool_that_fails_has_a_result_and_a_request_that_fails_has_an_error` |
//! | a task that asks has all its questions in its state, each under a key of its own | 2026-07-28 | must | extensions/tasks, input required | `tests/engine/tasks::a_task_asks_and_goes_on_with_the_last_answer` |
//! | answers to what is not asked are passed over | 2026-07-28 | should | extensions/tasks, updating tasks | `tests/engine/tasks::a_task_asks_and_goes_on_with_the_last_answer`, `tests/engine/tasks::what_is_wrong_with_a_request_about_a_task_is_said` |
//! | questions that come before the task are answered before it | 2026-07-28 | should | extensions/tasks, creation | `tests/engine/tasks::questions_come_before_the_task_where_a_function_wants_them_there` |
//! | updates and cancellations are acknowledged with nothing | 2026-07-28 | must | extensions/tasks, cancelling tasks | `tests/engine/tasks::a_task_asks_and_goes_on_with_the_last_answer`, `tests/engine/tasks::a_cancelled_task_stays_cancelled_whatever_its_call_still_says` |
//! | a task that is not there is -32602 | 2026-07-28 | must | extensions/tasks, protocol errors | `tests/engine/tasks::what_is_wrong_with_a_request_about_a_task_is_said` |
//! | a task is its principal's alone | 2026-07-28 | must | extensions/tasks, security considerations | `tests/engine/tasks::a_task_is_its_principals_alone` |
//! | nobody can guess its id, which is drawn as those of sessions are | 2026-07-28 | must | extensions/tasks, security considerations | `tests/contracts/seed_1::s1_02_the_first_event_is_a_relative_path_with_an_unguessable_id` |
//! | progress is part of its state | 2026-07-28 | must | extensions/tasks, task notifications | `tests/engine/tasks::progress_is_what_a_task_says_of_itself` |
//!
//! # Kept otherwise
//!
//! | What | Revisions | How, and why |
//! |---|---|---|
//! | a cancelled call is not answered (should) | 2025-03-26 to 2025-11-25 | its POST ends with an error: an HTTP exchange has to end, and a stream should have an answer |
//! | event ids are unique (must) | 2025-11-25 | an event without data repeats the id of the place where its stream stands: both mean that place |
//! | a lost connection cancels nothing (should) | 2025-03-26 to 2025-11-25 | it does without a session: nobody could come back for the answer |
//! | a GET is answered with events or 405 (must) | 2025-03-26 to 2025-11-25 | 204 where a stream is over and all of it seen, 410 where a part is gone: waiting there would be for ever |
//! | a missing session id is 400 (should) | 2025-03-26 to 2025-11-25 | only where the method needs a session; others are served on their own, for scripts |
//! | reasons of cancellations are logged (should) | to 2025-11-25 | they are texts of strangers, and calls that were cancelled are counted |
//!
//! # Left out
//!
//! | What | Revisions | Why |
//! |---|---|---|
//! | what clients must and should do, people's consent, how things are shown | all | another program |
//! | authorization by OAuth | from 2025-03-26 | slimcp has tokens of its own |
//! | stdio, shutdown of processes | all | a transport of its own |
//! | pings of the server | to 2025-11-25 | heartbeats find dead peers |
//! | tasks of the core | 2025-11-25 | never declared; they became an extension |
//! | remote `$ref` is not fetched, bounds of schema validation | 2026-07-28 | nothing here fetches, and no schema is run |
//! | secrets in log messages | all | they are what a command writes to stderr: its operator knows what that is |
//! | trace context | 2026-07-28 | passed over, like all metadata of others |

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Everything above, as a test can read it.
const TEXT: &str = include_str!("rules.rs");

/// The revisions, oldest first.
const REVISIONS: [&str; 5] = crate::client::REVISIONS;

/// One row of the table.
#[derive(Debug)]
struct Rule<'a> {
    rule: &'a str,
    revisions: &'a str,
    level: &'a str,
    place: &'a str,
    tests: Vec<&'a str>,
}

/// The cells of every row of `text` that has so many.
fn rows<const N: usize>(text: &str) -> Vec<[&str; N]> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("//! | "));
    let cells = lines.filter_map(|line| {
        let cells: Vec<&str> = line.strip_suffix(" |")?.split(" | ").collect();
        cells.try_into().ok()
    });
    let is_row = |cells: &[&str; N]| !["Rule", "What"].contains(&cells[0]);
    cells.filter(is_row).collect()
}

fn rules(text: &str) -> Vec<Rule<'_>> {
    let rows = rows(text).into_iter();
    let rules = rows.map(|[rule, revisions, level, place, tests]| Rule {
        rule,
        revisions,
        level,
        place,
        tests: tests
            .split(", ")
            .map(|test| test.trim_matches('`'))
            .collect(),
    });
    rules.collect()
}

/// Whether this is a way to name revisions: one, a span of several, or all.
fn are_revisions(text: &str) -> bool {
    let place = |date: &str| REVISIONS.iter().position(|known| *known == date);
    if let Some((first, last)) = text.split_once(" to ") {
        return place(first).is_some() && place(first) < place(last);
    }
    let date = text.strip_prefix("from ").or(text.strip_prefix("to "));
    text == "all" || place(date.unwrap_or(text)).is_some()
}

/// The file that a test is in, from the root.
fn file(test: &str) -> Option<String> {
    let (file, _) = test.split_once("::")?;
    let folder = if file.contains('/') {
        ""
    } else {
        "tests/protocol/"
    };
    Some(format!("{folder}{file}.rs"))
}

/// The tests in a source.
fn tests(source: &str) -> BTreeSet<&str> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair[0] == "#[test]");
    let names = pairs.filter_map(|pair| pair[1].strip_prefix("fn "));
    names.filter_map(|name| name.split('(').next()).collect()
}

fn exists(test: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = file(test).and_then(|file| fs::read_to_string(root.join(file)).ok());
    let name = test.split("::").nth(1).unwrap_or_default();
    text.is_some_and(|text| tests(&text).contains(name))
}

#[test]
fn every_rule_is_held_by_tests_that_exist() {
    let rules = rules(TEXT);
    assert!(rules.len() > 100, "{} rules", rules.len());
    let missing = rules.iter().flat_map(|rule| {
        let missing = rule.tests.iter().filter(|test| !exists(test));
        missing.map(|test| format!("{}: there is no {test}", rule.rule))
    });
    let missing: Vec<String> = missing.collect();
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
}

#[test]
fn every_rule_says_for_whom_how_strictly_and_where() {
    let pages = ["basic", "client/", "extensions/", "schema", "server/"];
    for rule in rules(TEXT) {
        assert!(are_revisions(rule.revisions), "{rule:?}");
        assert!(["must", "should"].contains(&rule.level), "{rule:?}");
        let is_page = pages.iter().any(|page| rule.place.starts_with(page));
        assert!(is_page && rule.place.contains(", "), "{rule:?}");
    }
    for [what, revisions, why] in rows(TEXT) {
        assert!(are_revisions(revisions), "{what}: {revisions}: {why}");
    }
}

#[test]
fn every_row_of_the_table_is_read() {
    let lines = TEXT.lines().filter(|line| line.starts_with("//! |"));
    let heads = |line: &&str| line.contains("|---|") || line.contains("| Revisions |");
    let (heads, others): (Vec<&str>, Vec<&str>) = lines.partition(heads);
    let read = rules(TEXT).len() + rows::<3>(TEXT).len();
    assert_eq!(others.len(), read);
    assert!(heads.len() > 20);
    let names: BTreeSet<(&str, &str)> = rules(TEXT).iter().map(|r| (r.rule, r.revisions)).collect();
    assert_eq!(names.len(), rules(TEXT).len(), "a rule stands twice");
}

#[test]
fn every_test_of_this_folder_holds_a_rule() {
    let rules = rules(TEXT);
    let named: BTreeSet<&str> = rules.iter().flat_map(|rule| rule.tests.clone()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol");
    for entry in fs::read_dir(folder).expect("this folder") {
        let path = entry.expect("an entry").path();
        let file = path.file_stem().and_then(|stem| stem.to_str());
        let file = file.expect("files have plain names");
        let text = fs::read_to_string(&path).expect("a text");
        for test in tests(&text).into_iter().filter(|_| file != "rules") {
            let test = format!("{file}::{test}");
            assert!(named.contains(test.as_str()), "{test} is in no row");
        }
    }
}

#[test]
fn rows_revisions_and_tests_are_told_from_what_is_none() {
    let text = "//! | Rule | Revisions | Level | Where | Held by |\n//! |---|---|---|---|---|\n\
        //! | a | all | must | basic, b | `c::d`, `tests/e::f` |\n//! | a | all | why |\n";
    let rules = rules(text);
    assert_eq!((rules.len(), rules[0].tests.len()), (1, 2));
    assert_eq!(rows::<3>(text), [["a", "all", "why"]]);
    assert_eq!(file("c::d").as_deref(), Some("tests/protocol/c.rs"));
    assert_eq!(file("tests/e::f").as_deref(), Some("tests/e.rs"));
    assert!(!exists("rules::no_such_test") && !exists("nowhere::x") && !exists("rules"));
    assert!(exists(
        "rules::rows_revisions_and_tests_are_told_from_what_is_none"
    ));
    assert_eq!(
        tests("#[test]\nfn a() {\nfn b() {\n#[test]\n fn c() {"),
        ["a", "c"].into()
    );
    for good in [
        "all",
        "2025-03-26",
        "from 2025-06-18",
        "2025-03-26 to 2025-11-25",
    ] {
        assert!(are_revisions(good), "{good}");
    }
    for bad in [
        "",
        "2025",
        "from all",
        "2025-11-25 to 2025-03-26",
        "to 1999-01-01",
    ] {
        assert!(!are_revisions(bad), "{bad}");
    }
}
