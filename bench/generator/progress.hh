#pragma once

#include <string>
#include <vector>

#include "base/result.hh"
#include "generator/outcome.hh"
#include "millrace/client.hh"
#include "reactor/task.hh"

/// What a run says while it runs, and what it asks of the topic before and after.

namespace millrace::generator {

/// One line for a second that is over, on stderr: in place on a terminal, cut at its width, else line by line.
void show_progress(const settings& s, const shown_interval& second, bool in_window);
/// Before anything else is said on stderr: what stands there stays, and a new line begins.
void end_progress();

/// Makes the topic where the run produces and it is not there. `words`: said before an error.
reactor::task<base::result<void>> prepare_topic_at(client::client* cluster, const settings* s, outcome* out,
                                                   std::string* words);
reactor::task<base::result<void>> list_offsets_at(client::client* cluster, const settings* s, int64_t time,
                                                  std::vector<int64_t>* to);
reactor::task<base::result<void>> remove_topic_at(client::client* cluster, const settings* s);

}  // namespace millrace::generator
