#include "reactor/op.hh"

namespace millrace::reactor {

const char* name_of(op_kind kind) noexcept {
  switch (kind) {
    case op_kind::open:
      return "open";
    case op_kind::close:
      return "close";
    case op_kind::read:
      return "read";
    case op_kind::write:
      return "write";
    case op_kind::sync:
      return "sync";
    case op_kind::sync_dir:
      return "sync of a directory";
    case op_kind::allocate:
      return "allocate";
    case op_kind::truncate:
      return "truncate";
    case op_kind::rename:
      return "rename";
    case op_kind::remove:
      return "remove";
    case op_kind::make_dir:
      return "making a directory";
    case op_kind::remove_dir:
      return "removing a directory";
    case op_kind::accept:
      return "accept";
    case op_kind::connect:
      return "connect";
    case op_kind::receive:
      return "receive";
    case op_kind::send:
      return "send";
    case op_kind::shutdown:
      return "shutdown";
    case op_kind::send_file:
      return "send of a file";
  }
  return "operation";
}

}  // namespace millrace::reactor
