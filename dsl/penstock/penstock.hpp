// Everything a job needs: `#include <penstock/penstock.hpp>`.
#pragma once

#include "dsl/run.hpp"       // IWYU pragma: export
#include "dsl/stream.hpp"    // IWYU pragma: export
#include "dsl/table.hpp"     // IWYU pragma: export
#include "dsl/topic.hpp"     // IWYU pragma: export
#include "dsl/topology.hpp"  // IWYU pragma: export
#include "dsl/window.hpp"    // IWYU pragma: export
#include "dsl/windowed.hpp"  // IWYU pragma: export
#include "dsl/words.hpp"     // IWYU pragma: export

#include "streams/logs/access.hpp"        // IWYU pragma: export
#include "streams/logs/all_traces.hpp"    // IWYU pragma: export
#include "streams/logs/csv.hpp"           // IWYU pragma: export
#include "streams/logs/fields.hpp"        // IWYU pragma: export
#include "streams/logs/grok.hpp"          // IWYU pragma: export
#include "streams/logs/json.hpp"          // IWYU pragma: export
#include "streams/logs/log4j.hpp"         // IWYU pragma: export
#include "streams/logs/lookup_table.hpp"  // IWYU pragma: export
#include "streams/logs/multiline.hpp"     // IWYU pragma: export
#include "streams/logs/nginx_error.hpp"   // IWYU pragma: export
#include "streams/logs/pairs.hpp"         // IWYU pragma: export
#include "streams/logs/rate.hpp"          // IWYU pragma: export
#include "streams/logs/redact.hpp"        // IWYU pragma: export
#include "streams/logs/regex.hpp"         // IWYU pragma: export
#include "streams/logs/syslog.hpp"        // IWYU pragma: export
#include "streams/logs/timestamp.hpp"     // IWYU pragma: export
