#include "reactor/scope.hh"

#include "base/assert.hh"

namespace millrace::reactor {

/// The promise of a root frame: linked in its scope while it lives.
struct scope::root : base::list_hook<> {
  /// What makes it run for the first time.
  struct starter final : ready_item {
    std::coroutine_handle<root> frame;
    const char* word = "";
    void run(core&) override { frame.resume(); }
    const char* what() const noexcept override { return word; }
  };
  struct frame {
    using promise_type = root;
    std::coroutine_handle<root> handle;
  };
  struct ending {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<root> ended) const noexcept { ended.promise().end(); }
    void await_resume() const noexcept {}
  };

  root(scope& owner, task<void>&) : owner_(owner) { start_.frame = std::coroutine_handle<root>::from_promise(*this); }
  static void* operator new(size_t bytes) { return frame_pool::take(bytes); }
  static void operator delete(void* memory, size_t bytes) noexcept { frame_pool::give_back(memory, bytes); }

  frame get_return_object() noexcept { return {start_.frame}; }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  ending final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() const noexcept { std::terminate(); }

  static frame drive(scope& owner, task<void> work) {
    (void)owner;
    co_await std::move(work);
  }

  void end() noexcept {
    scope& owner = owner_;
    start_.frame.destroy();  // this promise too, and with it the link
    ASSERT(owner.count_ > 0);
    if (--owner.count_ == 0) owner.idle_.wake_all();
  }

  scope& owner_;
  starter start_;
};

scope::~scope() { ASSERT(count_ == 0); }

void scope::spawn(task<void> work, const char* what) {
  if (closing_) return;
  root::frame made = root::drive(*this, std::move(work));
  root& started = made.handle.promise();
  started.start_.word = what;
  roots_.push_back(started);
  ++count_;
  core_.make_ready(started.start_);
}

task<void> scope::close() {
  closing_ = true;
  while (count_ > 0) co_await idle_.wait();
}

void scope::abandon() noexcept {
  closing_ = true;
  while (!roots_.empty()) roots_.front().start_.frame.destroy();
  count_ = 0;
}

}  // namespace millrace::reactor
