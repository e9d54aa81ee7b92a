# cmake -D PROGRAM=… -D PREFIX=… -D OUTPUT=… -P discover_tests.cmake
# Asks a Catch2 (v2 or v3) program for its test cases and writes add_test() lines for CTest.
# Ours instead of catch_discover_tests: that one has a different shape in each version, and cannot
# give labels by tag in version 2.
function(list_tests spec result)
  execute_process(COMMAND "${PROGRAM}" "${spec}" --list-test-names-only
    OUTPUT_VARIABLE names ERROR_VARIABLE error RESULT_VARIABLE status)
  if(error MATCHES "[Uu]nrecogni[sz]ed token")  # Catch2 v3
    execute_process(COMMAND "${PROGRAM}" "${spec}" --list-tests --verbosity quiet
      OUTPUT_VARIABLE names ERROR_VARIABLE error RESULT_VARIABLE status)
  endif()
  if(NOT status MATCHES "^[0-9]+$")
    message(FATAL_ERROR "${PROGRAM} cannot list its tests: ${status}\n${error}")
  endif()
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

set(script "")
foreach(label fast slow)
  if(label STREQUAL slow)
    list_tests("[slow]" names)
  else()
    list_tests("~[slow]" names)
  endif()
  string(REPLACE ";" "\\;" names "${names}")
  string(REGEX MATCHALL "[^\n]+" lines "${names}")
  foreach(name ${lines})
    string(STRIP "${name}" name)
    string(REGEX REPLACE "([][,\\\\])" "\\\\\\1" spec "${name}")  # what Catch2 would parse
    string(APPEND script
      "add_test([==[${PREFIX}: ${name}]==] [==[${PROGRAM}]==] [==[${spec}]==])\n"
      "set_tests_properties([==[${PREFIX}: ${name}]==] PROPERTIES LABELS ${label})\n")
  endforeach()
endforeach()
file(WRITE "${OUTPUT}" "${script}")
