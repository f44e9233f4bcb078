#include "base/mutant.hh"

#include <array>
#include <utility>

namespace millrace::base {

#ifdef MILLRACE_MUTANTS

namespace {

constexpr std::array<std::pair<std::string_view, mutant>, 20> names = {{
    {"acknowledge_before_written", mutant::acknowledge_before_written},
    {"free_before_flushed", mutant::free_before_flushed},
    {"rewrite_unprotected_tail", mutant::rewrite_unprotected_tail},
    {"leftovers_as_data", mutant::leftovers_as_data},
    {"skip_digest_check", mutant::skip_digest_check},
    {"accept_leftover_batch", mutant::accept_leftover_batch},
    {"pass_gap_in_groups", mutant::pass_gap_in_groups},
    {"file_leaves_before_log_start", mutant::file_leaves_before_log_start},
    {"write_before_rename_durable", mutant::write_before_rename_durable},
    {"replay_own_commit_log_only", mutant::replay_own_commit_log_only},
    {"reuse_offset", mutant::reuse_offset},
    {"reply_out_of_order", mutant::reply_out_of_order},
    {"forget_pinned_buffer", mutant::forget_pinned_buffer},
    {"skip_duplicate_check", mutant::skip_duplicate_check},
    {"two_owners", mutant::two_owners},
    {"move_offset_back", mutant::move_offset_back},
    {"commit_before_durable", mutant::commit_before_durable},
    {"compact_newest_away", mutant::compact_newest_away},
    {"compact_tombstones_at_once", mutant::compact_tombstones_at_once},
    {"swap_before_synced", mutant::swap_before_synced},
}};

/// Of the whole process: written once, before there is a second thread.
mutant chosen = mutant::none;

}  // namespace

bool mutated(mutant m) noexcept { return m == chosen; }

std::string choose_mutant(std::string_view name) {
  std::string all;
  for (const auto& [known, m] : names) {
    if (known == name) {
      chosen = m;
      return {};
    }
    all += " ";
    all += known;
  }
  return "no such mutant: " + std::string(name) + "; there are:" + all;
}

#endif

}  // namespace millrace::base
