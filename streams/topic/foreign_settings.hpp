// Settings of topics that Kafka has and Penstock has no use for. Who writes them by hand is told;
// clients of Kafka, which send them along with others, are not kept from making their topics.
#pragma once

#include <string_view>

namespace penstock {

/// True for the name of such a setting.
bool is_foreign_setting(std::string_view name);

}  // namespace penstock
