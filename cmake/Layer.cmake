# bottled_layer(NAME DEPENDS layer... [PACKAGES target...])
#
# One folder is one static library, bottled_NAME. DEPENDS names the layers that
# it may see, which are the arrows of ARCHITECTURE.md; tests/lint/layers.py
# checks that the includes agree. Files that end in _linux.cc or _darwin.cc
# belong to that system alone, those named fault_*.cc to fault builds.
function(bottled_layer NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS;PACKAGES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  if(APPLE)
    list(FILTER sources EXCLUDE REGEX "_linux\\.cc$")
  else()
    list(FILTER sources EXCLUDE REGEX "_darwin\\.cc$")
  endif()
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(NOT BOTTLED_FAULTS)
    list(FILTER sources EXCLUDE REGEX "/fault_[a-z_]*\\.cc$")
  endif()
  add_library(bottled_${NAME} STATIC ${sources})
  target_link_libraries(bottled_${NAME} PRIVATE bottled::settings)
  list(TRANSFORM ARG_DEPENDS PREPEND "bottled_")
  target_link_libraries(bottled_${NAME} PUBLIC ${ARG_DEPENDS} ${ARG_PACKAGES})
  bottled_join(bottled_${NAME})
  if(BOTTLED_JOIN)
    bottled_precompile(bottled_${NAME})
  endif()
endfunction()
