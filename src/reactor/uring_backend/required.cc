#include "reactor/uring_backend/required.hh"

#include <memory>

namespace millrace::reactor::uring {

namespace {

struct named {
  unsigned bits;
  const char* name;
};
constexpr named features[] = {
    {IORING_FEAT_NODROP, "completions that are never dropped"},
    {IORING_FEAT_SUBMIT_STABLE, "submissions that are read once"},
    {IORING_FEAT_EXT_ARG, "waits with a timeout"},
    {IORING_FEAT_CQE_SKIP, "completions that may be left out"},
    {IORING_FEAT_FAST_POLL, "sockets without workers"},
};
constexpr named operations[] = {
    {IORING_OP_ACCEPT, "accept"},   {IORING_OP_ASYNC_CANCEL, "cancel"}, {IORING_OP_CLOSE, "close"},
    {IORING_OP_CONNECT, "connect"}, {IORING_OP_FALLOCATE, "fallocate"}, {IORING_OP_FSYNC, "fsync"},
    {IORING_OP_MKDIRAT, "mkdir"},   {IORING_OP_OPENAT, "open"},         {IORING_OP_POLL_ADD, "poll"},
    {IORING_OP_READ, "read"},       {IORING_OP_READV, "readv"},         {IORING_OP_RECV, "receive"},
    {IORING_OP_RENAMEAT, "rename"}, {IORING_OP_SENDMSG, "send"},        {IORING_OP_UNLINKAT, "unlink"},
    {IORING_OP_WRITE, "write"},     {IORING_OP_WRITEV, "writev"},
};

}  // namespace

const char* missing(io_uring& ring) {
  for (const named& one : features) {
    if ((ring.features & one.bits) == 0) return one.name;
  }
  const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> known(io_uring_get_probe_ring(&ring),
                                                                         io_uring_free_probe);
  if (known == nullptr) return "a list of operations";
  for (const named& one : operations) {
    if (io_uring_opcode_supported(known.get(), static_cast<int>(one.bits)) == 0) return one.name;
  }
  return nullptr;
}

}  // namespace millrace::reactor::uring
