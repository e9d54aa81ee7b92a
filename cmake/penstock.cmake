# Rules that targets share: flags, ccache, output folders, and four functions
#   penstock_library(name LINKS targets…)            every .cpp below the current folder
#   penstock_program(name SOURCES … LINKS …)         into build/<preset>/bin
#   penstock_tests(folder LINKS …)                   tests/<folder>/**/*_test.cpp -> test_<folder>
#   penstock_schemas(target)                         every .capnp below the current folder
# Sources are globbed, so a new file needs no CMake edit.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(PENSTOCK_GENERATED_DIR "${PROJECT_BINARY_DIR}/generated")

# ccache needs to be told that precompiled headers are fine; base_dir lets checkouts share results.
find_program(PENSTOCK_CCACHE ccache)
if(PENSTOCK_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
      "${PENSTOCK_CCACHE}")
endif()

add_library(penstock_flags INTERFACE)
target_compile_options(penstock_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow
  # GCC 12 and 14 report the unused side of a std::variant as uninitialised.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<BOOL:${PENSTOCK_WERROR}>:-Werror>
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=."
  $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess -fdiagnostics-color=auto>)

# These checks of UBSan look at every access through CAF's templates: they double the time that its
# actors take to compile.  What CAF is not part of is compiled with all of them.
if(CMAKE_CXX_FLAGS MATCHES "sanitize=[a-z,]*undefined")
  target_compile_options(CAF::core INTERFACE -fno-sanitize=null,vptr,alignment,object-size)
endif()

# Precompiled headers.  Four, each built once: with and without CAF, with and without Catch2.
set(PENSTOCK_PCH_STD
    <algorithm> <array> <atomic> <bit> <charconv> <chrono> <concepts> <cstddef> <cstdint> <cstring>
    <deque> <functional> <limits> <map> <memory> <mutex> <optional> <set> <span> <sstream> <string>
    <string_view> <tuple> <type_traits> <unordered_map> <utility> <variant> <vector>
    <fmt/format.h> <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h>)
set(PENSTOCK_PCH_ACTORS
    ${PENSTOCK_PCH_STD} <caf/actor_system.hpp> <caf/actor_system_config.hpp>
    <caf/event_based_actor.hpp> <caf/scoped_actor.hpp> <caf/stateful_actor.hpp>
    <caf/typed_actor.hpp> <caf/typed_event_based_actor.hpp> <caf/send.hpp> <capnp/message.h>
    <capnp/serialize.h>)

function(penstock_make_pch name links)
  add_library(penstock_pch_${name} OBJECT EXCLUDE_FROM_ALL
              "${PROJECT_SOURCE_DIR}/cmake/pch.cpp")
  target_link_libraries(penstock_pch_${name} PRIVATE penstock_flags ${links})
  # Angle brackets only: a quoted header would put an absolute path in, and keep checkouts from
  # sharing ccache's results.
  target_include_directories(penstock_pch_${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_precompile_headers(penstock_pch_${name} PRIVATE ${ARGN})
endfunction()

# penstock_use_pch(target LINKS…): the smallest precompiled header that fits the target's links.
function(penstock_use_pch target tests links)
  if(NOT PENSTOCK_PCH)
    return()
  endif()
  set(name std)
  if("${links}" MATCHES "penstock_(actors|launch|everything)|CAF::" OR target MATCHES "actors")
    set(name actors)
  endif()
  if(tests)
    string(PREPEND name test_)
  endif()
  target_precompile_headers(${target} REUSE_FROM penstock_pch_${name})
endfunction()

function(penstock_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  if(NOT arg_SOURCES)
    file(GLOB_RECURSE arg_SOURCES CONFIGURE_DEPENDS "*.cpp")
  endif()
  set(scope PUBLIC)
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:penstock_flags>)
    penstock_use_pch(${name} FALSE "${arg_LINKS}")
  else()
    set(scope INTERFACE)
    add_library(${name} INTERFACE)
  endif()
  target_compile_features(${name} ${scope} cxx_std_20)
  target_include_directories(${name} ${scope}
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR};${PROJECT_SOURCE_DIR}/dsl>"
    "$<INSTALL_INTERFACE:include/penstock>")
  target_link_libraries(${name} ${scope} ${arg_LINKS})
  string(REPLACE penstock_ "" exported ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${exported})
  add_library(penstock::${exported} ALIAS ${name})
endfunction()

function(penstock_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE penstock_flags ${arg_LINKS})
  penstock_use_pch(${name} FALSE "${arg_LINKS}")
endfunction()

function(penstock_tests folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*_test.cpp")
  list(APPEND sources ${arg_SOURCES})
  if(NOT sources)
    return()
  endif()
  set(target test_${folder})
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE penstock_flags ${arg_LINKS} test_support)
  penstock_use_pch(${target} TRUE "${arg_LINKS}")
  penstock_discover_tests(${target} ${folder})
endfunction()

# tests/<folder>/compile_fail/*.cpp must be refused by the compiler, with the words they expect.
function(penstock_compile_fail_tests folder)
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/compile_fail/*.cpp")
  string(REPLACE " " ";" flags "${CMAKE_CXX_FLAGS}")
  foreach(source ${sources})
    cmake_path(GET source STEM name)
    string(REPLACE "_" " " name "${folder}: compiles only if right: ${name}")
    add_test(NAME "${name}" COMMAND Python3::Interpreter
      "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../tests/support/expect_error.py" "${source}"
      "${CMAKE_CXX_COMPILER}" -std=c++20 "-I${PROJECT_SOURCE_DIR}" "-I${PROJECT_SOURCE_DIR}/dsl"
      ${flags})
    set_property(TEST "${name}" PROPERTY LABELS "slow;no-asan;compile-fail")
  endforeach()
endfunction()

# Registers every Catch2 test case with CTest: label `fast`, or `slow` for the tag [slow].
function(penstock_discover_tests target prefix)
  set(list "${CMAKE_CURRENT_BINARY_DIR}/${target}_tests.cmake")
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND "${CMAKE_COMMAND}" -D "PROGRAM=$<TARGET_FILE:${target}>" -D "PREFIX=${prefix}"
            -D "OUTPUT=${list}" -P "${PROJECT_SOURCE_DIR}/cmake/discover_tests.cmake"
    BYPRODUCTS "${list}" VERBATIM)
  set(include "${CMAKE_CURRENT_BINARY_DIR}/${target}_include.cmake")
  file(WRITE "${include}"
    "if(EXISTS \"${list}\")\n  include(\"${list}\")\n"
    "else()\n  add_test(\"${prefix}: not built\" ${target})\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${include}")
endfunction()

# Schemas become <build>/generated/<path>.capnp.{h,c++}; the target shows them as system headers.
function(penstock_schemas target)
  file(GLOB_RECURSE schemas CONFIGURE_DEPENDS "*.capnp")
  set(generated)
  foreach(schema ${schemas})
    file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}" "${schema}")
    set(outputs "${PENSTOCK_GENERATED_DIR}/${path}.h" "${PENSTOCK_GENERATED_DIR}/${path}.c++")
    add_custom_command(OUTPUT ${outputs}
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${PENSTOCK_GENERATED_DIR}"
      COMMAND "${CAPNP_PROGRAM}" compile
              "-o${CAPNPC_CXX_PROGRAM}:${PENSTOCK_GENERATED_DIR}"
              "--src-prefix=${PROJECT_SOURCE_DIR}" "-I${PROJECT_SOURCE_DIR}" "${schema}"
      DEPENDS ${schemas} COMMENT "capnp ${path}" VERBATIM)
    list(APPEND generated ${outputs})
  endforeach()
  if(generated)
    add_library(${target} STATIC ${generated})
    target_compile_options(${target} PRIVATE -w)
    target_include_directories(${target} SYSTEM PUBLIC
      "$<BUILD_INTERFACE:${PENSTOCK_GENERATED_DIR}>")
    target_link_libraries(${target} PUBLIC penstock_capnp PRIVATE $<BUILD_INTERFACE:penstock_flags>)
  else()
    add_library(${target} INTERFACE)
  endif()
endfunction()

penstock_make_pch(std "fmt::fmt;absl::flat_hash_map;absl::flat_hash_set" ${PENSTOCK_PCH_STD})
penstock_make_pch(actors
  "fmt::fmt;absl::flat_hash_map;absl::flat_hash_set;CAF::core;penstock_capnp"
  ${PENSTOCK_PCH_ACTORS})
