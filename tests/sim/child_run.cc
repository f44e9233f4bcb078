#include "child_run.hh"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "checkers/findings.hh"

namespace millrace::swarm {

namespace {

[[noreturn]] void be_child(int out, const std::function<void()>& work) {
  const int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0) _exit(1);
  work();
  std::fflush(stdout);
  _exit(0);
}

std::string read_all(int from) {
  std::string text;
  char piece[4096];
  for (ssize_t n = 0; (n = read(from, piece, sizeof piece)) > 0;) text.append(piece, static_cast<size_t>(n));
  return text;
}

std::string checker_in(const std::string& text) {
  constexpr std::string_view mark = "FAILED ";
  const size_t at = text.rfind(mark);
  if (at == std::string::npos) return "crash";
  const size_t begin = at + mark.size();
  return text.substr(begin, text.find(' ', begin) - begin);
}

}  // namespace

child_end run_in_child(const std::function<void()>& work) {
  std::fflush(stdout);
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) std::abort();
  const pid_t process = fork();
  if (process < 0) std::abort();
  if (process == 0) be_child(pipe_ends[1], work);
  close(pipe_ends[1]);
  const std::string text = read_all(pipe_ends[0]);
  close(pipe_ends[0]);
  int status = 0;
  if (waitpid(process, &status, 0) != process) std::abort();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(broken::crash);
  const bool known = code >= static_cast<int>(broken::crash) && code <= static_cast<int>(broken::liveness);
  return {known ? code : static_cast<int>(broken::crash), checker_in(text)};
}

}  // namespace millrace::swarm
