# How bottlectl is linked. A command that should be over in 8 ms must not spend
# 3 of them in the dynamic loader, which is what the shared libraries of protobuf
# and abseil cost (docs/performance.md). Where their static archives are
# installed, as on Debian, bottlectl takes those; else it is linked like
# everything else.
set(lean_libraries "")
set(lean_missing "")
foreach(name protobuf nghttp2 crypto z absl_status)
  find_library(LEAN_${name} "lib${name}.a")
  mark_as_advanced(LEAN_${name})
  if(NOT LEAN_${name})
    list(APPEND lean_missing "lib${name}.a")
  else()
    list(APPEND lean_libraries "${LEAN_${name}}")
  endif()
endforeach()

if(APPLE OR BOTTLED_SANITIZE OR lean_missing)
  message(STATUS "bottlectl: shared libraries ${lean_missing}")
  target_link_libraries(bottlectl PRIVATE bottled::settings bottled_client)
else()
  # All of abseil: the linker takes only what is asked for.
  get_filename_component(absl_dir "${LEAN_absl_status}" DIRECTORY)
  file(GLOB absl_archives "${absl_dir}/libabsl_*.a")
  set(layers bottled_client bottled_messages bottled_endpoint bottled_platform
             bottled_base)
  add_dependencies(bottlectl ${layers})
  list(TRANSFORM layers REPLACE "(.+)" "$<TARGET_FILE:\\1>"
       OUTPUT_VARIABLE layer_files)
  target_link_libraries(bottlectl PRIVATE bottled::settings
    -Wl,--as-needed -Wl,--start-group ${layer_files} ${lean_libraries}
    ${absl_archives} -Wl,--end-group fmt::fmt Threads::Threads)
  set_property(TARGET bottlectl APPEND PROPERTY LINK_DEPENDS ${layer_files})
endif()
