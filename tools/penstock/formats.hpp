// Keys and values for people, as every word of the tool shows and takes them.
#pragma once

#include "streams/record/rendering.hpp"  // IWYU pragma: export
