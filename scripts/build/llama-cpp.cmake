# Included by llama.cpp's build, through CMAKE_PROJECT_INCLUDE in .cargo/config.toml.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    # GCC before 14 may remove the stores that fill an AMX tile configuration, because its
    # `_tile_loadconfig` declares that only 8 of the 64 bytes are read (GCC bug 114098). On a CPU with
    # AMX (Sapphire Rapids and later), a native build of llama.cpp then ends with an illegal instruction
    # in its first matrix product. Without dead store elimination, all stores are kept.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
        add_compile_options(-fno-tree-dse -fno-dse)
    endif()

    # A native build of llama.cpp compiles its kernels for this CPU, but not the functions that they call.
    # One of these, `ggml_bf16_to_fp32_row`, is called for each value that a token attends to. For 64
    # numbers it takes 8 ns without vector instructions and 0.3 ns with them.
    if(GGML_NATIVE)
        add_compile_options(-march=native)
    endif()
endif()

# Attention for many rows that share a prefix (attention.cpp), where .cargo/config.toml asks for it. The
# number there is the version of that file: when it changes, cargo compiles llama.cpp again, and answers
# may change.
if(GGML_PREFIX_ATTENTION AND PROJECT_NAME STREQUAL "ggml")
    set(GEPARD_ATTENTION ${CMAKE_CURRENT_LIST_DIR}/attention.cpp)

    # One target, or with GGML_CPU_ALL_VARIANTS one for each kind of CPU.
    function(gepard_replace_attention)
        get_property(targets DIRECTORY src PROPERTY BUILDSYSTEM_TARGETS)
        list(FILTER targets INCLUDE REGEX "^ggml-cpu(-[a-z0-9_]+)?$")
        list(FILTER targets EXCLUDE REGEX "-feats$")
        foreach(target IN LISTS targets)
            target_sources(${target} PRIVATE ${GEPARD_ATTENTION})
        endforeach()
        set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/src/ggml-cpu/ops.cpp DIRECTORY src PROPERTIES
            COMPILE_DEFINITIONS ggml_compute_forward_flash_attn_ext=ggml_compute_forward_flash_attn_ext_upstream)
        message(STATUS "gepard: attention over shared prefixes in ${targets}")
    endfunction()
    cmake_language(DEFER CALL gepard_replace_attention)
endif()
