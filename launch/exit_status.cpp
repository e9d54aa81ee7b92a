#include "launch/exit_status.hpp"

namespace penstock {

int exit_status_of(errc code) {
  switch (code) {
    case errc::none:
      return exit_ok;
    case errc::invalid_argument:
      return exit_usage;
    case errc::unsupported_version:
    case errc::already_exists:
    case errc::topic_exists:
    case errc::invalid_topic:
    case errc::invalid_setting:
    case errc::record_too_large:
    case errc::offset_out_of_range:
    case errc::group_not_empty:
    case errc::group_full:
    case errc::inconsistent_protocol:
    case errc::type_mismatch:
    case errc::plan_invalid:
    case errc::state_changed:
    case errc::bad_record:
      return exit_refused;
    case errc::not_found:
    case errc::unknown_topic:
    case errc::unknown_group:
      return exit_not_found;
    case errc::locked:
    case errc::partition_offline:
    case errc::timed_out:
    case errc::overloaded:
    case errc::closed:
    case errc::rebalance_in_progress:
    case errc::not_coordinator:
    case errc::unknown_member:
    case errc::illegal_generation:
      return exit_unavailable;
    case errc::cancelled:
      return exit_killed;
    default:
      return exit_failed;
  }
}

}  // namespace penstock
