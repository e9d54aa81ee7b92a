# find_package(penstock) gives penstock::penstock: link it and include <penstock/penstock.hpp>.
set(penstock_module_path "${CMAKE_MODULE_PATH}")
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
include("${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake")
set(CMAKE_MODULE_PATH "${penstock_module_path}")
include("${CMAKE_CURRENT_LIST_DIR}/penstock-targets.cmake")
