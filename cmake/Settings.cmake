# Compile settings of our own targets; third-party code never sees them.
add_library(bottled_settings INTERFACE)
add_library(bottled::settings ALIAS bottled_settings)

# Generated and third-party code shares only the sanitizers.
add_library(bottled_sanitizers INTERFACE)
add_library(bottled::sanitizers ALIAS bottled_sanitizers)
if(BOTTLED_SANITIZE)
  target_compile_options(bottled_sanitizers INTERFACE
    -fsanitize=${BOTTLED_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(bottled_sanitizers INTERFACE
    -fsanitize=${BOTTLED_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(bottled_sanitizers INTERFACE
      "-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/tests/tsan.ignore")
  endif()
endif()

target_compile_options(bottled_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wextra-semi -Wcast-align -Wunused -Wconversion -Wno-sign-conversion
  -Wunused-result
  # Designated initialisers leave members to their defaults on purpose.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(bottled_settings INTERFACE
    -Wthread-safety -Wthread-safety-beta)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND
   CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False positives on std::string's operator+ (GCC bug 105651).
  target_compile_options(bottled_settings INTERFACE -Wno-restrict)
endif()
if(BOTTLED_FAULTS)
  target_compile_definitions(bottled_settings INTERFACE BOTTLED_FAULTS)
endif()
if(BOTTLED_WERROR)
  target_compile_options(bottled_settings INTERFACE -Werror)
endif()
target_include_directories(bottled_settings INTERFACE
  "${PROJECT_SOURCE_DIR}/daemon" "${PROJECT_BINARY_DIR}/daemon")
target_link_libraries(bottled_settings INTERFACE bottled_sanitizers)

# Compiling eight files of a target as one takes a third of the time. Layers are
# compiled so in the sanitized builds only: a missing #include must show. Names
# in the anonymous namespaces of one folder must differ for it.
option(BOTTLED_JOIN "Compile several source files at once" OFF)
option(BOTTLED_JOIN_TESTS "The same, but of the tests alone" ${BOTTLED_JOIN})
function(bottled_join TARGET)
  if(BOTTLED_JOIN OR (BOTTLED_JOIN_TESTS AND "${TARGET}" MATCHES "_test$"))
    set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON
                          UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# Precompiled headers halve the time of a build. Not for the layers, but where
# files are joined anyway.
function(bottled_precompile TARGET)
  target_precompile_headers(${TARGET} PRIVATE
    <algorithm> <chrono> <filesystem> <functional> <map> <memory> <optional>
    <string> <string_view> <vector> <absl/status/statusor.h> <fmt/format.h>
    ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The first is for ccache. The others are GCC 12's false positives inside of
    # <string>, which it forgives in system headers unless they are precompiled.
    target_compile_options(${TARGET} PRIVATE -fpch-preprocess
      -Wno-array-bounds -Wno-stringop-overflow)
  else()
    # For ccache: the header's content counts, not its time.
    target_compile_options(${TARGET} PRIVATE
      "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()
