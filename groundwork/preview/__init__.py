from groundwork import pack as pack
