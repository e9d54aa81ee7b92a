# cmake --install: the libraries, the headers that users see, the `penstock` program, and a package
# for find_package(penstock).  The package finds its dependencies with the same two files as we do.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/penstock")

foreach(target streams messages dsl actors launch everything)
  install(TARGETS penstock_${target} EXPORT penstock ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
if(TARGET penstock)
  install(TARGETS penstock RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY bin/ DESTINATION ${CMAKE_INSTALL_BINDIR} USE_SOURCE_PERMISSIONS
          FILES_MATCHING PATTERN "*.sh")
  install(FILES config/server.properties DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/penstock)
  # What shells and man know of it comes from the program itself.
  install(CODE "
    foreach(word IN ITEMS man \"completions bash\" \"completions zsh\" \"completions fish\")
      separate_arguments(arguments UNIX_COMMAND \"\${word}\")
      string(REPLACE \" \" \"-\" file \"\${word}\")
      execute_process(COMMAND \"$<TARGET_FILE:penstock>\" \${arguments}
        OUTPUT_FILE \"${PROJECT_BINARY_DIR}/penstock-\${file}\" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()")
  install(FILES "${PROJECT_BINARY_DIR}/penstock-man"
          DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 RENAME penstock.1)
  install(FILES "${PROJECT_BINARY_DIR}/penstock-completions-bash"
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME penstock)
  install(FILES "${PROJECT_BINARY_DIR}/penstock-completions-zsh"
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _penstock)
  install(FILES "${PROJECT_BINARY_DIR}/penstock-completions-fish"
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME penstock.fish)
  # The unit names the program and its configuration where they are installed.
  file(READ packaging/penstock.service unit)
  string(REPLACE /usr/bin/ "${CMAKE_INSTALL_FULL_BINDIR}/" unit "${unit}")
  string(REPLACE /etc/ "${CMAKE_INSTALL_FULL_SYSCONFDIR}/" unit "${unit}")
  file(WRITE "${PROJECT_BINARY_DIR}/penstock.service" "${unit}")
  install(FILES "${PROJECT_BINARY_DIR}/penstock.service" DESTINATION lib/systemd/system)
endif()

# The include root is include/penstock, so that "streams/…" inside our headers means ours.
set(include_root "${CMAKE_INSTALL_INCLUDEDIR}/penstock")
install(DIRECTORY dsl streams DESTINATION "${include_root}" FILES_MATCHING PATTERN "*.hpp"
        PATTERN "dsl/penstock" EXCLUDE)
install(DIRECTORY dsl/penstock DESTINATION "${include_root}" OPTIONAL)

install(EXPORT penstock NAMESPACE penstock:: DESTINATION "${package_dir}"
        FILE penstock-targets.cmake)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/penstock-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES cmake/penstock-config.cmake cmake/dependencies.cmake cmake/FindCAF.cmake
              "${PROJECT_BINARY_DIR}/penstock-config-version.cmake"
        DESTINATION "${package_dir}")
