#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "reactor/machine.hh"
#include "reactor/scope.hh"
#include "server/assembly.hh"

/// The broker as a process: its cores are the machine's, and its life is a task of core 0.

namespace millrace::server {

class wiring final : public reactor::core_program {
 public:
  wiring(assembly_options options, unsigned cores, base::log_level log_least);
  ~wiring() override;

  void start(reactor::core& on) override;
  void stop(reactor::core& on) override;
  void finish(reactor::core& on) override;

  /// Whether it served, or was asked to stop before; false where a step of the start failed (it is in the log).
  bool succeeded() const noexcept { return !failed_; }

 private:
  reactor::task<void> live(reactor::core* home);
  reactor::task<base::result<void>> boot();
  void say_ready(reactor::core& home);

  assembly parts_;
  const base::log_level log_least_;
  std::unique_ptr<reactor::scope> life_;  ///< core 0's, as the next
  std::unique_ptr<reactor::wait_list> stop_wanted_;
  std::atomic<bool> failed_{false};
};

}  // namespace millrace::server
