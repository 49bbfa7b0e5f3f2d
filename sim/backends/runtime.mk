include Vtop.mk
runtime: $(VK_GLOBAL_OBJS) runtime.h.gch
runtime.h.gch: runtime.h
	$(CXX) $(OPT_FAST) $(CXXFLAGS) $(CPPFLAGS) $(CFG_CXXFLAGS_PCH) $< -o $@
