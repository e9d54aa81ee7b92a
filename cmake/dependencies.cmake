# Finds what Debian 12 and 13 package for us; nothing is downloaded.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto SSL)
find_package(Boost REQUIRED COMPONENTS filesystem)
find_package(CAF 0.17 REQUIRED)

# Libraries without a CMake config that both Debian releases share.
function(penstock_plain_library name header library)
  find_path(${name}_INCLUDE_DIR ${header} REQUIRED)
  find_library(${name}_LIBRARY ${library} REQUIRED)
  mark_as_advanced(${name}_INCLUDE_DIR ${name}_LIBRARY)
  add_library(penstock_${name} INTERFACE IMPORTED)
  set_target_properties(penstock_${name} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${${name}_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${${name}_LIBRARY}")
endfunction()
# Cap'n Proto's own config fails on Debian 12 (it looks for libatomic where it is not).
find_program(CAPNP_PROGRAM capnp REQUIRED)
find_program(CAPNPC_CXX_PROGRAM capnpc-c++ REQUIRED)

penstock_plain_library(isal isa-l.h isal)
penstock_plain_library(zstd zstd.h zstd)
penstock_plain_library(lz4 lz4frame.h lz4)
penstock_plain_library(snappy snappy.h snappy)
penstock_plain_library(re2 re2/re2.h re2)
penstock_plain_library(simdjson simdjson.h simdjson)
penstock_plain_library(yaml_cpp yaml-cpp/yaml.h yaml-cpp)
penstock_plain_library(kj kj/common.h kj)
penstock_plain_library(capnp capnp/message.h capnp)
set_property(TARGET penstock_capnp APPEND PROPERTY INTERFACE_LINK_LIBRARIES penstock_kj)
