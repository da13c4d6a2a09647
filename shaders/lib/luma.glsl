const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);
