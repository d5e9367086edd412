// All statements of the index, prepared once, and the texts of a job's states.
// Guarded, like the database, by the index's mutex.

#ifndef BOTTLED_STORE_STATEMENTS_H_
#define BOTTLED_STORE_STATEMENTS_H_

#include "absl/status/statusor.h"
#include "store/sqlite.h"

namespace bottled {

// Members are named after what they do; statements.cc has the text of each
// beside its name. Parameters are bound in the order of the columns there.
struct Statements {
  static absl::StatusOr<Statements> Prepare(Database& db);

  Statement meta_get, meta_set;

  Statement artifact_by_key, artifact_by_digest, artifact_list;
  Statement artifact_prefix, artifact_totals;
  Statement artifact_times;
  Statement artifact_put, artifact_touch, artifact_set_file, artifact_delete;
  Statement key_put, key_point, key_forget, key_why, key_last_bytes,
      reference_last_bytes;
  Statement key_inputs, key_note_damage, key_damages, key_trim, damage_trim;
  Statement reference_trim, archive_trim;
  Statement scrub_due, scrub_due_after_crash, scrub_note;
  Statement used_reference_get, used_reference_list;
  Statement used_reference_put, used_reference_trim;

  Statement reference_get, reference_put;
  Statement archive_get, archive_put;
  Statement build_get, build_put, build_trim;

  Statement job_put, job_by_id, job_by_open_key, job_list, job_list_open;
  Statement job_requeue;
  Statement job_run, job_set_key, job_publish, job_finish, job_succeed;
  Statement job_set_miss;
  Statement job_trim_age, job_trim_count;
  Statement job_restart, job_take_up, job_set_wish, job_forget_repeat;
  Statement crash_put, crash_get, crash_delete, crash_trim;
  Statement request_put, request_get, request_trim;

  Statement bottle_insert, bottle_update, bottle_by_slug, bottle_list;
  Statement bottle_plan_set, bottle_delete;
  Statement lease_put, lease_list, lease_activate, lease_expire;

  Statement artifact_lease_put, artifact_lease_renew, artifact_lease_delete;
  Statement artifact_lease_list, artifact_lease_holding, artifact_lease_shift;
  Statement artifact_lease_get, artifact_lease_of_process;
  Statement unsaved_lease_put, unsaved_lease_renew, unsaved_lease_delete;
  Statement pin_put, pin_delete, pin_get, pin_list;

  Statement warm_insert, warm_update, warm_delete, warm_list, warm_by_id;

  Statement engine_object_put, engine_object_list, engine_object_delete;
};

}  // namespace bottled

#endif  // BOTTLED_STORE_STATEMENTS_H_
